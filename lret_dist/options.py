"""Options of a simulation, checked when they are made."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "DEFAULT_EPSILON",
    "METHODS",
    "PARALLELIZATIONS",
    "PRECISIONS",
    "TRUNCATIONS",
    "Method",
    "Parallelization",
    "Precision",
    "SimulationOptions",
    "Truncation",
]

Method = Literal["automatic", "low_rank", "density_matrix"]
Parallelization = Literal["auto", "row", "column", "hybrid"]
Precision = Literal["auto", "double", "single"]
Truncation = Literal["auto", "certified", "unbiased"]
METHODS: tuple[str, ...] = get_args(Method)
PARALLELIZATIONS: tuple[str, ...] = get_args(Parallelization)
PRECISIONS: tuple[str, ...] = get_args(Precision)
TRUNCATIONS: tuple[str, ...] = get_args(Truncation)
#: Trace that a run may discard if nothing else is said.
DEFAULT_EPSILON = 1e-4
_MAX_SEED = 2**64 - 1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SimulationOptions:
    """How one circuit is simulated.

    Attributes:
        method: ``"low_rank"`` holds the state as a factor, ``"density_matrix"`` as the whole
            density matrix, exactly; ``"automatic"`` takes what is faster, and may change from the
            first to the second on the way.
        truncation: what becomes of branches that are too small to keep. ``"certified"`` discards
            them, within ``epsilon``: the error is bounded. ``"unbiased"`` samples them: results
            are right on average, with a standard error. ``"auto"`` decides by the cost, and takes
            ``"certified"`` where an ``epsilon`` other than 1e-4 asks for it.
        resolution: for ``"unbiased"``, the least weight of a branch that is kept for sure; default:
            where keeping it pays.
        standard_error: for ``"unbiased"``, the largest standard error of an expectation value to
            aim at; default: a fraction of what the shots have anyway, 0.001 without shots.
        shots: number of samples of the classical bits; 0 for none.
        epsilon: trace that the run may discard in all, in [0, 1); 0 discards nothing but rounding.
        max_rank: most columns the factor may have, or None. It goes before ``epsilon``: where it
            forces more to be discarded, a warning says how much.
        seed: seed of all sampling, or None for a fresh one.
        precision: ``"double"`` (complex128), ``"single"`` (complex64), or ``"auto"``: single where
            small branches are sampled, unless rounding could show beside the standard error.
        initial_rank: columns for which memory is set aside at the start; never changes the state.
        initial_state: a state vector (2**n,), a density matrix (2**n, 2**n), or a factor
            (2**n, r); default: all qubits zero.
        max_memory_mb: most memory in MiB that the run may use on each MPI rank, beside Python and
            libraries, or None for what the machine, its container or its Slurm job leaves free.
        parallelization: how the factor is split over MPI ranks: by ``"row"``, by ``"column"``, by
            both (``"hybrid"``), or as it is expected to be fastest (``"auto"``).
        process_grid: row groups, a power of two, and column groups to use, or None.
        checkpoint: a folder in which the run is saved from time to time, and when SIGTERM or
            SIGUSR1 comes, or None. A run that finds its own checkpoint there goes on from it, on
            any number of MPI ranks; once it has ended, its checkpoints are removed.
        checkpoint_interval: seconds from one checkpoint to the next.
    """

    method: Method = "automatic"
    truncation: Truncation = "auto"
    resolution: float | None = None
    standard_error: float | None = None
    shots: int = 1024
    epsilon: float = DEFAULT_EPSILON
    max_rank: int | None = None
    seed: int | None = None
    precision: Precision = "auto"
    initial_rank: int = 1
    initial_state: NDArray[np.complex128] | None = None
    parallelization: Parallelization = "auto"
    process_grid: tuple[int, int] | None = None
    max_memory_mb: float | None = None
    checkpoint: str | None = None
    checkpoint_interval: float = 600.0

    def __post_init__(self) -> None:
        _set(self, "shots", _integer("shots", self.shots, 0))
        _set(self, "epsilon", _fraction("epsilon", self.epsilon))
        if self.max_rank is not None:
            _set(self, "max_rank", _integer("max_rank", self.max_rank, 1))
        if self.seed is not None:
            _set(self, "seed", _integer("seed", self.seed, 0, _MAX_SEED))
        _set(self, "initial_rank", _integer("initial_rank", self.initial_rank, 1))
        _choice("method", self.method, METHODS)
        _choice("truncation", self.truncation, TRUNCATIONS)
        for name in ("resolution", "standard_error"):
            if getattr(self, name) is not None:
                _set(self, name, _fraction(name, getattr(self, name), positive=True))
        self._check_truncation()
        _choice("precision", self.precision, PRECISIONS)
        _choice("parallelization", self.parallelization, PARALLELIZATIONS)
        if self.process_grid is not None:
            _set(self, "process_grid", _grid(self.process_grid, self.parallelization))
        if self.max_memory_mb is not None:
            _set(self, "max_memory_mb", _megabytes(self.max_memory_mb))
        if self.checkpoint is not None:
            _set(self, "checkpoint", _folder(self.checkpoint))
        _set(self, "checkpoint_interval", _seconds(self.checkpoint_interval))
        if self.initial_state is not None:
            _set(self, "initial_state", _state(self.initial_state))

    def _check_truncation(self) -> None:
        given = [n for n in ("resolution", "standard_error") if getattr(self, n) is not None]
        if given and self.truncation == "certified":
            raise ValueError(f'{given[0]} needs truncation="unbiased" or "auto"')
        if len(given) == 2:
            raise ValueError("resolution and standard_error cannot both be given")
        if self.truncation != "unbiased":
            return
        if self.method == "density_matrix":
            raise ValueError('method="density_matrix" discards nothing: use truncation="auto"')
        if self.max_rank is not None:
            raise ValueError('max_rank needs truncation="certified"')

    @property
    def dtype(self) -> np.dtype[Any]:
        """The factor's dtype in a certified run."""
        return np.dtype(np.complex64 if self.precision == "single" else np.complex128)


def _set(options: SimulationOptions, name: str, value: object) -> None:
    object.__setattr__(options, name, value)


def _integer(name: str, value: Any, least: int, most: int | None = None) -> int:
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if number < least or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {bounds}, got {number}")
    return number


def _fraction(name: str, value: Any, *, positive: bool = False) -> float:
    number = _real(name, value, "a number")
    if not (0 <= number < 1) or (positive and number == 0):
        least = "greater than" if positive else "at least"
        raise ValueError(f"{name} must be {least} 0 and less than 1, got {number}")
    return number


def _megabytes(value: Any) -> float:
    number = _real("max_memory_mb", value, "a number of MiB")
    if not 0 < number < math.inf:
        raise ValueError(f"max_memory_mb must be positive and finite, got {number}")
    return number


def _real(name: str, value: Any, what: str) -> float:
    """A number; one that no float can hold becomes infinite."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {what}, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        return -math.inf if value < 0.0 else math.inf


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}")


def _folder(value: Any) -> str:
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"checkpoint must be the path of a folder, got {value!r}")
    path = Path(value).absolute()
    if path.exists() and not path.is_dir():
        raise ValueError(f"checkpoint must be a folder, but {path} is none")
    return str(path)


def _seconds(value: Any) -> float:
    number = _real("checkpoint_interval", value, "a number of seconds")
    if not number > 0:
        raise ValueError(f"checkpoint_interval must be positive, got {number}")
    return number


def _grid(value: Any, parallelization: str) -> tuple[int, int]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"process_grid must be (row groups, column groups), got {value!r}")
    rows, columns = (_integer("process_grid", number, 1) for number in value)
    if rows & (rows - 1):
        raise ValueError(f"process_grid needs a power of two of row groups, got {rows}")
    wrong = {"row": columns > 1, "column": rows > 1}
    if wrong.get(parallelization, False):
        raise ValueError(
            f'process_grid {rows} x {columns} is not parallelization="{parallelization}"; leave '
            f"one of them out"
        )
    return rows, columns


def _state(value: Any) -> NDArray[np.complex128]:
    if not isinstance(value, list | tuple) and not hasattr(value, "__array__"):
        raise TypeError(f"initial_state must be an array of numbers, got {type(value).__name__}")
    try:
        state = np.ascontiguousarray(value, dtype=np.complex128)
    except (TypeError, ValueError, OverflowError):
        raise TypeError("initial_state must be an array of numbers") from None
    if state.ndim not in (1, 2):
        raise ValueError(f"initial_state must have 1 or 2 dimensions, got {state.ndim}")
    if not np.isfinite(state).all():
        raise ValueError("initial_state must be finite; some entries are NaN or infinite")
    return state
