"""Circuits from files: what is read, and that nothing else does harm."""

import codecs
import io
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qasm3, qpy
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator

from lret_dist.errors import LretError
from lret_qiskit import circuit_files, circuit_parsing
from lret_qiskit.circuit_files import CircuitFileError, load_circuit

BELL2 = """OPENQASM 2.0;
include "qelib1.inc";
// a comment [9999999999]
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""
BELL3 = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""


@pytest.fixture
def bell_gates(bell: QuantumCircuit) -> QuantumCircuit:
    return bell.remove_final_measurements(inplace=False)


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def as_qpy(*circuits: QuantumCircuit, version: int | None = None) -> bytes:
    file = io.BytesIO()
    qpy.dump(list(circuits), file, version=version or qpy.QPY_VERSION)
    return file.getvalue()


@pytest.mark.parametrize("text", [BELL2, BELL3], ids=["2", "3"])
def test_openqasm(tmp_path: Path, bell_gates: QuantumCircuit, text: str) -> None:
    circuit = load_circuit(written(tmp_path / "bell.qasm", text))
    assert circuit.count_ops() == {"h": 1, "cx": 1, "measure": 2}
    gates = circuit.remove_final_measurements(inplace=False)
    assert Operator(gates).equiv(bell_gates)


@pytest.mark.parametrize("text", [BELL2, BELL3], ids=["2", "3"])
def test_a_byte_order_mark(tmp_path: Path, text: str) -> None:
    marked = written(tmp_path / "marked.qasm", codecs.BOM_UTF8 + text.encode())
    plain = written(tmp_path / "plain.qasm", text)
    assert load_circuit(marked) == load_circuit(plain)


def test_legacy_gates_of_openqasm_2(tmp_path: Path) -> None:
    text = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\nsx q[0];\nrzz(0.1) q[0],q[1];\n'
    assert set(load_circuit(written(tmp_path / "a.qasm", text)).count_ops()) == {"sx", "rzz"}


def test_qpy(tmp_path: Path, bell: QuantumCircuit) -> None:
    bell.rx(Parameter("angle"), 0)
    assert load_circuit(str(written(tmp_path / "bell.QPY", as_qpy(bell)))) == bell


def test_what_qiskit_writes_in_openqasm_3(tmp_path: Path, bell: QuantumCircuit) -> None:
    with bell.if_test((bell.clbits[0], 1)):
        bell.x(0)
    read = load_circuit(written(tmp_path / "bell.qasm", qasm3.dumps(bell)))
    assert read.count_ops() == bell.count_ops()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", "", "expected a name that ends with .qasm or .qpy"),
        ("a.qasm", "", "expected 'OPENQASM 2.0;' or 'OPENQASM 3.0;' at the beginning"),
        ("a.qasm", b"OPENQASM 2.0;\n\xff", "line 2: expected UTF-8 text, got byte 14"),
        ("a.qasm", codecs.BOM_UTF8 + b"OPENQASM 2.0;\n\xff", "line 2: expected UTF-8 .* byte 17"),
        ("a.qasm", codecs.BOM_UTF8 + b"OPENQASM 2.0;\nfoo q;", "line 2, column 0: 'foo' is not"),
        ("a.qasm", codecs.BOM_UTF8 + b"OPENQASM 4.0;\nqreg q[1];", "line 1, column 9: can only"),
        ("a.qasm", "OPENQASM 2.0;\nqreg q[2]\n", "line 2, column 0: .*expecting to see ';'"),
        ("a.qasm", "OPENQASM 2.0;\nqreg q[1];\nfoo q[0];", "line 3, column 0: 'foo' is not def"),
        ("a.qasm", "OPENQASM 2.0;\nqreg q[1000000000];", "line 2: expected at most 1000000 qubits"),
        ("a.qasm", f"OPENQASM 2.0;\nqreg q[{'9' * 30}];", "line 2: expected at most 1000000 qub"),
        ("a.qasm", f"OPENQASM 2.0;\nU({'9' * 30},0,0) q;", "line 2: expected integers of at most"),
        ("a.qasm", 'OPENQASM 2.0;\ninclude "b.inc";', "line 2, column 8: unable to find 'b.inc'"),
        ("a.qasm", 'OPENQASM 2.0;\ninclude "/etc/passwd";', "line 2, column 8: unable to find"),
        ("a.qasm", "OPENQASM 4.0;\nqreg q[1];", "line 1, column 9: can only handle OpenQASM 2.0"),
        ("a.qasm", 'OPENQASM 3.0;\ninclude "b.inc";', "line 2, column 0: non-stdgates imports"),
        (
            "a.qasm",
            "OPENQASM 3.0;\nqubit q;\nfoo q;",
            "line 3, column 0: gate 'foo' is not defined",
        ),
        ("a.qasm", "OPENQASM 3.0;\nqubit[2] q;;;x", "line 2: expected a statement of OpenQASM 3"),
        ("a.qpy", "", "expected a QPY file, which begins with QISKIT"),
        ("a.qpy", BELL2, "expected a QPY file"),
        ("a.qpy", b"QISKIT" + bytes(100), "expected one circuit, got 0"),
        ("a.qpy", as_qpy(QuantumCircuit(1), QuantumCircuit(1)), "expected one circuit, got 2"),
        ("a.qpy", as_qpy(QuantumCircuit(1))[:-30], "."),
        ("a.qpy", b"QISKIT\x0a\x02\x00\x00" + bytes(7) + b"\x01e" + bytes(50), "symengine is not"),
        (
            "a.qpy",
            b"QISKIT\x0d\x02\x00\x00" + bytes(7) + b"\x01ps" + bytes(50),
            "of type `Schedule(Block)?` cannot",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, content: str | bytes, problem: str) -> None:
    path = written(tmp_path / name, content)
    if b"\n" in path.read_bytes():
        (tmp_path / "b.inc").write_text("gate b a { U(0,0,0) a; }")
    with pytest.raises(CircuitFileError, match=problem) as caught:
        load_circuit(path)
    assert str(caught.value).startswith(str(path))
    assert isinstance(caught.value, LretError)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _: None, "No such file"),
        (lambda path: path.mkdir(), "expected a regular file, got a folder"),
        (os.mkfifo, "expected a regular file, got a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "expected a regular file, got a character"),
        (lambda path: path.symlink_to(path), "Too many levels"),
        (lambda path: (path.touch(), os.truncate(path, 10 << 30)), "more than 64 MiB"),
    ],
)
def test_what_is_no_file(tmp_path: Path, make, problem: str) -> None:
    path = tmp_path / "a.qasm"
    make(path)
    with pytest.raises(CircuitFileError, match=f"{re.escape(str(path))}: .*{problem}"):
        load_circuit(path)


def test_a_path_is_expected() -> None:
    with pytest.raises(TypeError, match="path must be a path, got int"):
        load_circuit(3)  # type: ignore[arg-type]


def test_openqasm_3_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_files, "_try", lambda *_: None)
    monkeypatch.setattr(circuit_parsing.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(CircuitFileError, match=r"pip install 'lret-dist\[qasm3\]'"):
        load_circuit(written(tmp_path / "a.qasm", BELL3))


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import os; os.abort()", "has ended with code -6$"),
        ("import sys; sys.exit('first\\nthe last line\\n')", "with code 1: the last line$"),
        ("import os, signal; os.kill(0 or os.getpid(), signal.SIGXCPU)", "more than .* CPU time"),
        ("import os, sys; sys.stderr.write('memory allocation of'); sys.stderr.flush(); os.abort()",
         "more than 4 GiB of memory"),
    ],
)  # fmt: skip
def test_a_parser_that_crashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, problem: str
) -> None:
    """The caller's process goes on, and says what has happened."""
    script = written(tmp_path / "crash.py", code)
    monkeypatch.setattr(circuit_parsing, "__file__", str(script))
    with pytest.raises(CircuitFileError, match=problem):
        load_circuit(written(tmp_path / "a.qasm", BELL2))


def test_a_parser_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = written(tmp_path / "slow.py", "import time; time.sleep(60)")
    monkeypatch.setattr(circuit_parsing, "__file__", str(script))
    monkeypatch.setattr(circuit_files, "_PATIENCE", 0.2)
    with pytest.raises(CircuitFileError, match=r"more than 0\.2 s"):
        load_circuit(written(tmp_path / "a.qasm", BELL2))


@pytest.mark.parametrize(
    ("hard", "most"), [(resource.RLIM_INFINITY, 100), (1000, 100), (100, 100), (30, 30), (0, 0)]
)
def test_a_trial_takes_no_more_than_its_process_may(
    monkeypatch: pytest.MonkeyPatch, hard: int, most: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, hard))
    assert circuit_parsing.allowed(resource.RLIMIT_AS, 100) == most


def unprivileged() -> list[str]:
    """The words before a command that let it raise no hard limit."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv")
    return ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"]


def test_hard_limits_below_those_of_a_trial(tmp_path: Path) -> None:
    path = written(tmp_path / "a.qasm", BELL2)
    code = (
        "import resource\n"
        "from lret_qiskit.circuit_files import load_circuit\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (50, 50))\n"
        f"load_circuit({str(path)!r})\n"
    )
    command = [*unprivileged(), sys.executable, "-P", "-c", code]
    # Threads set address space aside, as many as there are cores.
    single = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=single, check=True, timeout=120)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import os; os.kill(os.getpid(), 9)", "more than 50 s of CPU time"),
        ("raise SystemExit('Memory allocation failed')", "more than 50 B of memory"),
    ],
)
def test_a_trial_that_met_a_lower_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, problem: str
) -> None:
    script = written(tmp_path / "crash.py", code)
    monkeypatch.setattr(circuit_parsing, "__file__", str(script))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (50, 50))
    with pytest.raises(CircuitFileError, match=problem):
        load_circuit(written(tmp_path / "a.qasm", BELL2))


def test_the_trial_does_not_look_at_the_working_directory(tmp_path: Path) -> None:
    """A module of the same name as one of the standard library's must not run."""
    for name in ("qiskit", "resource", "io"):
        written(tmp_path / f"{name}.py", "raise SystemExit('executed')")
    path = written(tmp_path / "a.qasm", BELL2)
    code = f"from lret_qiskit.circuit_files import load_circuit; load_circuit({str(path)!r})"
    command = [sys.executable, "-P", "-c", code]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
