"""The command ``lret``, called in this process."""

from __future__ import annotations

import os
import sysconfig
from contextlib import redirect_stdout
from pathlib import Path

from click.testing import CliRunner, Result
from qiskit import QuantumCircuit, qasm2

from lret_qiskit.cli.app import cli

LRET = Path(sysconfig.get_path("scripts")) / "lret"
RATES = "depolarizing:1e-2,5e-2"
CLUSTER = ("--cores-per-node", "8", "--memory-per-node", "16GiB")


def lret(*words: object, code: int = 0) -> Result:
    """Run a command that ends with a code."""
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result


def refused(*words: object, code: int = 2) -> str:
    """What a command says that fails; nothing goes to standard output."""
    result = lret(*words, code=code)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def brick_wall(folder: Path, qubits: int, layers: int) -> Path:
    circuit = QuantumCircuit(qubits)
    for layer in range(layers):
        first = layer % 2
        circuit.rx(0.3 + layer, range(qubits))
        circuit.cx(range(first, qubits - 1, 2), range(1 + first, qubits, 2))
    circuit.measure_all()
    path = folder / "wall.qasm"
    path.write_text(qasm2.dumps(circuit))
    return path


def at_a_terminal(*words: object) -> str:
    """What a command shows on a terminal."""
    ours, its = os.openpty()
    with os.fdopen(its, "w") as terminal, redirect_stdout(terminal):
        cli.main([str(word) for word in words], standalone_mode=False)
        terminal.flush()
        # Little enough for the terminal to hold all of it.
        shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    return shown.replace("\r\n", "\n")
