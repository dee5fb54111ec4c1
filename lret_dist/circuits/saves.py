"""What a circuit may save on its way, as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "SUBTYPES",
    "Save",
    "SaveAmplitudesSquared",
    "SaveDensityMatrix",
    "SaveExpectationValue",
    "SaveFactor",
    "SaveProbabilities",
    "SaveStateVector",
    "SaveVariance",
    "is_average",
    "saved_bytes",
    "saved_shape",
]

#: What becomes of the values that the shots of a run have: their ``average``, their sum
#: (``accum``), all of them (``list``) or the last one (``single``); with ``c_`` for each value of
#: the classical register by itself.
SUBTYPES = (
    *("average", "accum", "list", "single"),
    *("c_average", "c_accum", "c_list", "c_single"),
)


@dataclass(frozen=True, slots=True)
class SaveDensityMatrix:
    """Save the reduced density matrix of ``qubits`` as (2**k, 2**k) complex128 under ``key``."""

    key: str
    qubits: tuple[int, ...]
    name: str = "save_density_matrix"
    label: str | None = None
    subtype: str = "average"


@dataclass(frozen=True, slots=True)
class SaveProbabilities:
    """Save the outcome probabilities of ``qubits`` as (2**k,) float64 under ``key``."""

    key: str
    qubits: tuple[int, ...]
    name: str = "save_probabilities"
    label: str | None = None
    subtype: str = "average"


@dataclass(frozen=True, slots=True)
class SaveAmplitudesSquared:
    """Save the probabilities of some basis states, (m,) float64, under ``key``.

    Attributes:
        key: name of the saved value.
        qubits: the qubits, the first the lowest bit of a basis state.
        states: the basis states.
    """

    key: str
    qubits: tuple[int, ...]
    states: tuple[int, ...]
    name: str = "save_amplitudes_sq"
    label: str | None = None
    subtype: str = "average"


@dataclass(frozen=True, slots=True)
class SaveExpectationValue:
    """Save the expectation value of a sum of Pauli strings on ``qubits`` under ``key``.

    Attributes:
        key: name of the saved value, a float.
        qubits: the qubits that the strings act on.
        paulis: pairs (string, real coefficient); the last character acts on ``qubits[0]``.
    """

    key: str
    qubits: tuple[int, ...]
    paulis: tuple[tuple[str, float], ...]
    name: str = "save_expval"
    label: str | None = None
    subtype: str = "average"


@dataclass(frozen=True, slots=True)
class SaveVariance:
    """Save expectation value and variance of an observable, (2,) float64, under ``key``.

    Attributes:
        key: name of the saved value.
        qubits: the qubits that the strings act on.
        paulis: pairs (string, real coefficient) of the observable.
        square: the same of its square.
    """

    key: str
    qubits: tuple[int, ...]
    paulis: tuple[tuple[str, float], ...]
    square: tuple[tuple[str, float], ...]
    name: str = "save_expval_var"
    label: str | None = None
    subtype: str = "average"


@dataclass(frozen=True, slots=True)
class SaveStateVector:
    """Save the state vector of ``qubits``, all there are, as (2**n,) complex128 under ``key``.

    The run fails where the state is not pure.
    """

    key: str
    qubits: tuple[int, ...]
    name: str = "save_statevector"
    label: str | None = None
    subtype: str = "single"


@dataclass(frozen=True, slots=True)
class SaveFactor:
    """Save the factor L, (2**n, rank) complex128 with rho = L L^dagger, under ``key``.

    Its rows are the basis states of ``qubits``, all there are, the first the lowest bit. A
    :class:`~lret_dist.results.low_rank_state.LowRankState` of it answers questions about the state.

    Attributes:
        distributed: leave it on the MPI ranks, and save a
            :class:`~lret_dist.results.factor_handle.FactorHandle` instead.
    """

    key: str
    qubits: tuple[int, ...]
    name: str = "save_lret_factor"
    label: str | None = None
    subtype: str = "single"
    distributed: bool = False


Save: TypeAlias = (
    SaveDensityMatrix
    | SaveProbabilities
    | SaveAmplitudesSquared
    | SaveExpectationValue
    | SaveVariance
    | SaveStateVector
    | SaveFactor
)


def is_average(save: Save) -> bool:
    """Whether a value is linear in the state, and an average or sum over all shots.

    Then the state averaged over all outcomes of measurements gives it.
    """
    linear = not isinstance(save, SaveVariance | SaveStateVector | SaveFactor)
    return linear and save.subtype in ("average", "accum")


def saved_shape(save: Save) -> tuple[int, ...]:
    """Shape of the saved quantity; of a factor, that of one column."""
    dimension = 1 << len(save.qubits)
    match save:
        case SaveDensityMatrix():
            return (dimension, dimension)
        case SaveProbabilities() | SaveStateVector() | SaveFactor():
            return (dimension,)
        case SaveAmplitudesSquared():
            return (len(save.states),)
        case SaveVariance():
            return (2,)
        case SaveExpectationValue():
            return ()


def saved_bytes(save: Save) -> int:
    """Bytes that the saved quantity takes on the driver."""
    if isinstance(save, SaveFactor) and save.distributed:
        return 0
    is_complex = isinstance(save, SaveDensityMatrix | SaveStateVector | SaveFactor)
    return (16 if is_complex else 8) * math.prod(saved_shape(save))
