"""Parsing of circuits' bytes with Qiskit, and a trial of it in a process of its own.

Qiskit's parsers are compiled code: told of a billion qubits, or given damaged bytes, they may
panic, take all memory or end the process. So a text is first parsed in a child process whose memory
and time are limited: this very file, run as a script. It imports nothing of LRET, and only Qiskit's
parsers, and takes the text from its standard input.
"""

from __future__ import annotations

import importlib.util
import io
import re
import resource
import struct
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["MEMORY_BYTES", "SECONDS", "allowed", "kind_of", "parse", "words_of"]

#: Address space and CPU time that a trial may take.
MEMORY_BYTES, SECONDS = 4 << 30, 60
#: What a number in brackets may be before the parser sees it: registers, and indices into them.
_MOST_BITS = 1_000_000
#: Qiskit parses numbers of more digits by a panic.
_MOST_DIGITS = 18
_QPY_MAGIC = b"QISKIT"
#: Versions of QPY whose expressions may be symengine's: bytes that its C++ takes unchecked.
_SYMENGINE_VERSIONS, _SYMENGINE = range(10, 13), b"e"
_QPY_HEADER = struct.Struct("!6sBBBBQc")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_VERSION = re.compile(r"\s*OPENQASM\s+(\d+)(?:\.\d+)?\s*;")
_BRACKETS = re.compile(r"\[\s*(\d+)\s*\]")
#: Colours of a terminal; and what the QPY parser draws, of which the first error is the reason.
_STYLE = re.compile(r"\x1b\[[\d;]*m")
_DRAWN = re.compile(r"^([^\u2500-\u257f]*?):?\s*[\u2500-\u257f].*?Error: ([^\n]*)", re.DOTALL)
_INTEGER = re.compile(r"(?<![\w.])\d+(?![\w.])")


def kind_of(name: str) -> str:
    """What a file's name says that it holds: ``qasm`` or ``qpy``.

    Raises:
        ValueError: for another ending.
    """
    for ending in ("qasm", "qpy"):
        if name.lower().endswith(f".{ending}"):
            return ending
    raise ValueError("expected a name that ends with .qasm or .qpy")


def parse(content: bytes, kind: str) -> QuantumCircuit:
    """The circuit in a file's bytes, ``kind`` being ``qasm`` or ``qpy``.

    Raises:
        ValueError: for what is no such circuit, or none that is read here.
        Exception: whatever Qiskit's parsers raise.
    """
    return _parse_qpy(content) if kind == "qpy" else _parse_qasm(content)


def words_of(error: BaseException) -> str:
    """What an exception says, on one line."""
    # Qiskit's exceptions put quotes around it.
    text = _STYLE.sub("", str(getattr(error, "message", None) or str(error)))
    if drawn := _DRAWN.match(text):
        text = f"{drawn[1]}: {drawn[2]}"
    if "binary parsing error" in text:
        text += "; the file is cut off or damaged"
    return " ".join(text.split()) or type(error).__name__


def allowed(limit: int, most: int) -> int:
    """What a trial may take of a resource, in the units of ``setrlimit``.

    Args:
        limit: as ``resource.RLIMIT_AS``.
        most: what it may take where this process may take more.
    """
    _, hard = resource.getrlimit(limit)
    # Only a privileged process may raise its hard limit.
    return most if hard == resource.RLIM_INFINITY else min(most, hard)


def _parse_qasm(content: bytes) -> QuantumCircuit:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: expected UTF-8 text, got byte {error.start}") from None
    # A byte-order mark, as some editors write it.
    text = text.removeprefix("\ufeff")
    # Of a comment its lines are kept, so that lines have the numbers of the file.
    code = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n") or " ", text)
    _check_numbers(code)
    version = _VERSION.match(code)
    if version is None:
        raise ValueError("expected 'OPENQASM 2.0;' or 'OPENQASM 3.0;' at the beginning")
    if int(version[1]) == 3:
        return _parse_qasm3(text)
    from qiskit import qasm2

    # No folder to search: only qelib1.inc, which Qiskit brings itself, can be included.
    return qasm2.loads(text, include_path=(), custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)


def _parse_qasm3(text: str) -> QuantumCircuit:
    if importlib.util.find_spec("qiskit_qasm3_import") is None:
        raise ValueError(
            "OpenQASM 3 is read with the package qiskit_qasm3_import; "
            "install it with: pip install 'lret-dist[qasm3]'"
        )
    from qiskit import qasm3

    try:
        return qasm3.loads(text)
    except Exception as error:
        if str(error):
            raise
        raise ValueError(_syntax_error(error)) from error


def _syntax_error(error: BaseException) -> str:
    """Where the grammar was left: openqasm3's error has no text, but a cause with the token."""
    cause = error.__cause__
    token = getattr(next(iter(cause.args), None), "offendingToken", None) if cause else None
    if token is None:
        return "expected a program of OpenQASM 3"
    return f"line {token.line}: expected a statement of OpenQASM 3, got {_cut(repr(token.text))}"


def _check_numbers(code: str) -> None:
    """Refuse sizes before anything is made as large."""
    for match in _BRACKETS.finditer(code):
        if len(match[1]) > _MOST_DIGITS or int(match[1]) > _MOST_BITS:
            raise ValueError(
                f"{_line(code, match)}: expected at most {_MOST_BITS} qubits or bits in a "
                f"register, got {_cut(match[1])}"
            )
    for match in _INTEGER.finditer(code):
        if len(match[0]) > _MOST_DIGITS:
            raise ValueError(
                f"{_line(code, match)}: expected integers of at most {_MOST_DIGITS} digits, got "
                f"{_cut(match[0])}"
            )


def _line(code: str, match: re.Match[str]) -> str:
    return f"line {code.count(chr(10), 0, match.start()) + 1}"


def _cut(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:27]}..."


def _parse_qpy(content: bytes) -> QuantumCircuit:
    from qiskit import QuantumCircuit, qpy

    _check_qpy_header(content)
    circuits: list[Any] = qpy.load(io.BytesIO(content))
    if len(circuits) != 1:
        raise ValueError(f"expected one circuit, got {len(circuits)}")
    if not isinstance(circuits[0], QuantumCircuit):
        raise ValueError(f"expected a circuit, got a {type(circuits[0]).__name__}")
    return circuits[0]


def _check_qpy_header(content: bytes) -> None:
    """Refuse what is no QPY, holds several programs, or an encoding that is not checked."""
    if len(content) < _QPY_HEADER.size or not content.startswith(_QPY_MAGIC):
        raise ValueError(f"expected a QPY file, which begins with {_QPY_MAGIC.decode()}")
    _, version, _, _, _, programs, encoding = _QPY_HEADER.unpack_from(content)
    if programs != 1:
        raise ValueError(f"expected one circuit, got {programs}")
    if version in _SYMENGINE_VERSIONS and encoding == _SYMENGINE:
        raise ValueError(
            f"QPY version {version} with expressions of symengine is not read, as these are not "
            "checked; write it again with Qiskit 1.3 or later"
        )


def _trial(kind: str) -> int:
    """Parse standard input within limits; tell on standard output what is wrong."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (allowed(limit, most),) * 2)
    warnings.simplefilter("ignore")
    try:
        parse(sys.stdin.buffer.read(), kind)
    except MemoryError:
        print("it is too large to be read")
    except RecursionError:
        print("it is nested too deeply")
    except BaseException as error:
        # A panic of Qiskit's is a BaseException.
        print(words_of(error))
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(_trial(sys.argv[1]))
