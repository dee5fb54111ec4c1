"""Facts of the program, its libraries and this machine, as plain data."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import scipy.linalg.blas
from threadpoolctl import threadpool_info

import lret_dist
from lret_dist import _core, get_session
from lret_dist.available_memory import available_bytes
from lret_dist.slurm import installed_mpi_library
from lret_dist.threads import own_cores

__all__ = ["installation"]

#: What LRET builds upon; those of the second line only where they are installed.
_PACKAGES = (
    *("qiskit", "qiskit-aer", "numpy", "scipy", "mpi4py"),
    *("qiskit-ibm-runtime", "qiskit-qasm3-import", "matplotlib"),
)
#: Versions of OpenMP by the date that a compiler knows them by.
_OPENMP = {"201511": "4.5", "201811": "5.0", "202011": "5.1", "202111": "5.2"}


def installation() -> dict[str, Any]:
    """What is installed here, and what this machine has."""
    pools = threadpool_info()
    return {
        "lret_version": lret_dist.__version__,
        "folder": str(Path(lret_dist.__file__).parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "core": {**_core.build_info(), "simd_level": _core.simd_level()},
        "openmp": _openmp(pools),
        "blas": _blas(pools),
        "mpi": {"library": _name(installed_mpi_library())},
        "packages": {name: _version(name) for name in _PACKAGES},
        "cores": len(own_cores()),
        "free_memory_bytes": available_bytes(),
    }


def _openmp(pools: list[dict[str, Any]]) -> dict[str, Any]:
    """Version and threads of the kernels; other packages may bring libraries of their own."""
    date = _core.build_info()["openmp"]
    libraries = [Path(each["filepath"]).name for each in pools if each["user_api"] == "openmp"]
    return {
        "version": _OPENMP.get(date, date),
        "libraries": libraries,
        "threads": get_session().machine.threads,
    }


def _blas(pools: list[dict[str, Any]]) -> dict[str, Any]:
    """The library that the kernels call: SciPy's, and not NumPy's, which has one of its own."""
    scipy_s = Path(scipy.linalg.blas.__file__).parents[2] / "scipy.libs"
    found = [each for each in pools if each["user_api"] == "blas"]
    own = [each for each in found if Path(each["filepath"]).parent == scipy_s] or found
    names = {"library": "internal_api", "version": "version", "architecture": "architecture"}
    library = own[0] if own else {}
    facts = {name: library.get(theirs) for name, theirs in names.items()}
    return {**facts, "file": library.get("filepath")}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _name(library: str | None) -> str | None:
    """An MPI library and its version, without all that it was built with."""
    if library is None:
        return None
    first = library.partition("\n")[0].partition(",")[0]
    return " ".join(first.replace("Version:", "").split())
