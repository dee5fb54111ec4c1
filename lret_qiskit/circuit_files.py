"""Circuits from files: OpenQASM 2 and 3, and Qiskit's own format QPY.

A file may come from anywhere. Nothing in it is executed, no other file is read for it, and its
length, memory and time are limited. Whatever is wrong ends in a :class:`CircuitFileError`.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from lret_dist.errors import LretError
from lret_dist.files.input_file import read_input
from lret_dist.units import size_text
from lret_qiskit import circuit_parsing
from lret_qiskit.circuit_parsing import MEMORY_BYTES, SECONDS, allowed, kind_of, parse, words_of

if TYPE_CHECKING:
    from os import PathLike

    from qiskit import QuantumCircuit

__all__ = ["MAX_BYTES", "CircuitFileError", "load_circuit"]

#: Longest file that is read: some millions of gates.
MAX_BYTES = 64 << 20
#: Seconds by the clock that a trial may take, on a machine that has much else to do.
_PATIENCE = 4 * SECONDS
_MOST_SHOWN = 600
#: The parsers' places are "<input>:line,column:", "line,column:" and "Lline:Ccolumn:".
_PLACE = re.compile(r"^(?:<input>:|L)?(\d+)(?:,|:C)(\d+):\s*(.*)$")


class CircuitFileError(LretError, ValueError):
    """A file holds no circuit that can be read; the text names it, the place and what is wrong."""


def load_circuit(path: str | PathLike[str]) -> QuantumCircuit:
    """Read a circuit from a file: ``.qasm``, OpenQASM 2 or 3 as its header says, or ``.qpy``.

    OpenQASM 2 may include ``qelib1.inc`` alone, and OpenQASM 3 ``stdgates.inc``. OpenQASM 3 needs
    the package ``qiskit_qasm3_import``, the extra ``qasm3``. A QPY file must hold one circuit.

    The file is parsed in a process of its own first, which takes a second: Qiskit's parsers can end
    the process on damaged input.

    Args:
        path: the file, at most 64 MiB.

    Returns:
        The circuit; one of OpenQASM, where circuits have no names, is named after the file.

    Raises:
        CircuitFileError: when the file cannot be read, or holds no such circuit.
        TypeError: when ``path`` is none.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a path, got {type(path).__name__}")
    path = Path(path)
    try:
        kind = kind_of(path.name)
        content = read_input(path, MAX_BYTES)
    except OSError as error:
        raise CircuitFileError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise CircuitFileError(_located(path, str(error))) from None
    _try(path, content, kind)
    with warnings.catch_warnings():
        # What the parsers find old or new about the format is nothing a user can act on.
        warnings.simplefilter("ignore")
        try:
            circuit = parse(content, kind)
        except Exception as error:
            raise CircuitFileError(_located(path, words_of(error))) from error
    if kind == "qasm":
        circuit.name = path.stem
    return circuit


def _try(path: Path, content: bytes, kind: str) -> None:
    """Parse in a child process, so that only that can come to harm."""
    script = circuit_parsing.__file__
    # One thread each: the limit on memory counts what threads set aside.
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    command = [sys.executable, "-P", script, kind]
    environment = {**os.environ, **single, "RUST_BACKTRACE": "0", "PYTHONIOENCODING": "utf-8"}
    try:
        child = subprocess.run(
            command,
            input=content,
            capture_output=True,
            env=environment,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CircuitFileError(f"{path}: reading it takes more than {_PATIENCE} s") from None
    if child.returncode:
        told = child.stdout.decode(errors="replace").strip()
        raise CircuitFileError(_located(path, told or _death(child)))


def _death(child: subprocess.CompletedProcess[bytes]) -> str:
    """Why a trial has ended without a word."""
    told = child.stderr.decode(errors="replace").strip()
    if child.returncode in (-24, -9):
        return f"reading it takes more than {allowed(resource.RLIMIT_CPU, SECONDS)} s of CPU time"
    if "memory allocation" in told.lower():
        memory = size_text(allowed(resource.RLIMIT_AS, MEMORY_BYTES))
        return f"reading it takes more than {memory} of memory"
    last = f": {told.splitlines()[-1]}" if told else ""
    return f"Qiskit's parser cannot take it, and has ended with code {child.returncode}{last}"


def _located(path: Path, problem: str) -> str:
    """What is wrong, with file and line in front."""
    problem = problem.strip().removeprefix(f"{path}: ")
    if len(problem) > _MOST_SHOWN:
        problem = f"{problem[: _MOST_SHOWN - 3]}..."
    if match := _PLACE.match(problem):
        return f"{path}, line {match[1]}, column {match[2]}: {match[3]}"
    if match := re.match(r"^line (\d+): (.*)$", problem, re.DOTALL):
        return f"{path}, line {match[1]}: {match[2]}"
    return f"{path}: {problem}"
