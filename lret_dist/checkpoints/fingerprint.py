"""A hash of what a run computes, by which its checkpoints are found again."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lret_dist.circuits.circuit import Circuit
    from lret_dist.options import SimulationOptions

__all__ = ["fingerprint"]

#: Options that do not change what comes out.
_WITHOUT_EFFECT = {
    *("parallelization", "process_grid", "max_memory_mb"),
    *("checkpoint", "checkpoint_interval"),
}
#: Digits of numbers that count: another processor may round the last ones otherwise.
_DIGITS = 10


def fingerprint(
    circuit: Circuit,
    columns: NDArray[np.complex128] | None,
    options: SimulationOptions,
    index: int,
) -> str:
    """The hash, in hex digits.

    Args:
        circuit: with its noise bound.
        columns: columns of the initial state, or None.
        options: how it is simulated.
        index: its number in a batch: equal circuits have checkpoints of their own.
    """
    digest = hashlib.sha256()
    chosen = {
        field.name: getattr(options, field.name)
        for field in fields(options)
        if field.name not in _WITHOUT_EFFECT
    }
    bits = (circuit.num_qubits, circuit.num_clbits, circuit.num_variable_bits)
    _feed(digest, (version("lret-dist"), index, bits, chosen, columns))
    for operation in circuit:
        _feed(digest, operation)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    """Hash a value of plain types, arrays and dataclasses, each with its type and length."""
    digest.update(type(value).__name__.encode() + b"(")
    if isinstance(value, np.ndarray):
        digest.update(f"{value.shape}{value.dtype.str}".encode())
        digest.update((np.round(value, _DIGITS) + 0).tobytes())
    elif isinstance(value, float | complex):
        digest.update(repr(np.round(value, _DIGITS) + 0).encode())
    elif is_dataclass(value):
        for field in fields(value):
            _feed(digest, getattr(value, field.name))
    elif isinstance(value, dict):
        for key in sorted(value):
            _feed(digest, (key, value[key]))
    elif isinstance(value, list | tuple):
        for each in value:
            _feed(digest, each)
    else:
        digest.update(repr(value).encode())
    digest.update(b")")
