"""Errors and readout errors of a noise model as plain data, for JSON.

docs/noise_models.md describes the document. Reading checks all of it, and says where it is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.circuits.circuit import MAX_GATE_QUBITS
from lret_dist.circuits.error_term import ErrorTerm
from lret_dist.numerics.channels import as_kraus, as_readout_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lret_dist.files.plain_data import Node

    Errors = dict[tuple[str, tuple[int, ...] | None], list[ErrorTerm]]
    Readout = dict[int | tuple[int, ...] | None, NDArray[np.float64]]

__all__ = [
    "FORMAT",
    "MAX_ENTRIES",
    "MAX_QUBITS",
    "VERSION",
    "check_header",
    "read_errors",
    "read_readout",
    "write_errors",
    "write_readout",
]

FORMAT = "lret-noise-model"
VERSION = 1
#: Most errors of a model, and most channels of one error.
MAX_ENTRIES = 100_000
#: Qubits are numbered below this.
MAX_QUBITS = 1_000_000
_MAX_OPERATORS = 4**MAX_GATE_QUBITS


def check_header(fields: Mapping[str, Node]) -> None:
    """Check that the document is a noise model, of a version that is known.

    Raises:
        ValueError: if it is not.
    """
    if fields["format"].value != FORMAT:
        raise fields["format"].expected(repr(FORMAT))
    version = fields["version"].integer(least=1, most=10**9)
    if version != VERSION:
        raise fields["version"].wrong(
            f"expected {VERSION}, got {version}; a newer LRET may read this document"
        )


def write_errors(errors: Errors) -> list[dict[str, Any]]:
    """The list under ``errors``; Kraus operators that were not needed yet are made now."""
    return [
        {
            "instruction": name,
            "qubits": None if qubits is None else list(qubits),
            "channels": [_written_term(term) for term in terms],
        }
        for (name, qubits), terms in errors.items()
    ]


def read_errors(node: Node) -> Errors:
    """Errors by instruction and qubits, from the list under ``errors``.

    Raises:
        ValueError: saying where the list is wrong.
    """
    errors: Errors = {}
    for entry in node.items(most=MAX_ENTRIES):
        fields = entry.fields(("instruction", "channels"), ("qubits",))
        name = fields["instruction"].text()
        qubits = _optional_qubits(fields.get("qubits"))
        if (name, qubits) in errors:
            raise entry.wrong(
                f"an error on {name!r} of {_who(qubits)} is there already; "
                f"channels that act one after another are the channels of one error"
            )
        channels = fields["channels"].items(most=MAX_ENTRIES, least=1)
        errors[name, qubits] = [_read_term(channel, qubits) for channel in channels]
    return errors


def write_readout(readout: Readout) -> list[dict[str, Any]]:
    """The list under ``readout_errors``."""
    return [{"qubit": qubit, "probabilities": matrix.tolist()} for qubit, matrix in readout.items()]


def read_readout(node: Node) -> Readout:
    """Readout errors by qubit, from the list under ``readout_errors``.

    Raises:
        ValueError: saying where the list is wrong.
    """
    readout: Readout = {}
    for entry in node.items(most=MAX_QUBITS):
        fields = entry.fields(("probabilities",), ("qubit",))
        qubit = _read_qubits(fields.get("qubit"))
        if qubit in readout:
            who = "any qubit" if qubit is None else f"qubit {qubit}"
            raise entry.wrong(f"a readout error of {who} is there already")
        width = len(qubit) if isinstance(qubit, tuple) else 1
        try:
            readout[qubit] = as_readout_matrix(fields["probabilities"].numbers(2), width)
        except ValueError as error:
            raise _located(fields["probabilities"], error) from None
    return readout


def _read_qubits(node: Node | None) -> int | tuple[int, ...] | None:
    """One qubit, several that are measured together, or None for any."""
    if node is None or node.value is None:
        return None
    if not isinstance(node.value, list):
        return node.integer(least=0, most=MAX_QUBITS - 1)
    node.items(most=MAX_GATE_QUBITS, least=2)
    return node.distinct_qubits(most=MAX_QUBITS)


def _written_term(term: ErrorTerm) -> dict[str, Any]:
    written: dict[str, Any] = {"kraus": _pairs(term.kraus)}
    if term.positions is not None:
        written["positions"] = list(term.positions)
    if term.qubits is not None:
        written["noise_qubits"] = list(term.qubits)
    return written


def _pairs(kraus: NDArray[np.complex128]) -> Any:
    return np.stack([kraus.real, kraus.imag], axis=-1).tolist()


def _read_term(node: Node, qubits: Sequence[int] | None) -> ErrorTerm:
    fields = node.fields(("kraus",), ("positions", "noise_qubits"))
    if "positions" in fields and "noise_qubits" in fields:
        raise node.wrong("positions and noise_qubits exclude each other")
    kraus = _read_kraus(fields["kraus"])
    width = kraus.shape[-1].bit_length() - 1
    if width > MAX_GATE_QUBITS:
        raise fields["kraus"].wrong(
            f"channels on at most {MAX_GATE_QUBITS} qubits are supported, got {width}"
        )
    given = fields.get("positions", fields.get("noise_qubits"))
    if given is None:
        if qubits is not None and len(qubits) != width:
            raise fields["kraus"].wrong(
                f"a channel on {width} qubits cannot act on the instruction's {len(qubits)}"
            )
        return ErrorTerm(kraus)
    chosen = given.distinct_qubits(most=MAX_QUBITS)
    if len(chosen) != width:
        raise given.wrong(f"expected {width} elements, as the channel acts on {width} qubits")
    if "noise_qubits" in fields:
        return ErrorTerm(kraus, qubits=chosen)
    if qubits is not None and max(chosen) >= len(qubits):
        raise given.wrong(f"the instruction has {len(qubits)} qubits, got {list(chosen)}")
    return ErrorTerm(kraus, positions=chosen)


def _read_kraus(node: Node) -> NDArray[np.complex128]:
    node.items(most=_MAX_OPERATORS, least=1)
    pairs = node.numbers(4)
    if pairs.shape[-1] != 2:
        raise node.wrong("a complex number is written [real part, imaginary part]")
    try:
        return as_kraus(np.ascontiguousarray(pairs).view(np.complex128)[..., 0])
    except ValueError as error:
        raise _located(node, error) from None


def _optional_qubits(node: Node | None) -> tuple[int, ...] | None:
    if node is None or node.value is None:
        return None
    return node.distinct_qubits(most=MAX_QUBITS)


def _located(node: Node, error: ValueError) -> ValueError:
    """The same error with its place, unless it has one."""
    text = str(error)
    return error if text.startswith(node.path) else node.wrong(text)


def _who(qubits: Sequence[int] | None) -> str:
    return "any qubits" if qubits is None else f"qubits {tuple(qubits)}"
