"""How an estimator meets the precision that is asked for: which options a run gets."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lret_dist import SimulationOptions

__all__ = ["check_finite", "options_for", "options_with_shots", "samples"]

#: Circuits on at most so many qubits are never sampled unless that is asked for: without a standard
#: error they take as long, about 10 ms.
_SMALL = 8
#: Most shots of a run whose outcomes decide what is done: a million values take some 100 MB.
_MOST_SHOTS = 1_000_000
#: Largest standard error that a simulation takes.
_LARGEST = 0.5


def check_finite(precision: float) -> None:
    """Refuse what is not finite; a PUB has refused what is negative, or no number.

    Raises:
        ValueError: for NaN, infinity, and an integer that no float can hold.
    """
    try:
        finite = math.isfinite(precision)
    except OverflowError:
        finite = False
    if not finite:
        raise ValueError(f"precision must be finite, got {precision}")


def samples(options: SimulationOptions, precision: float, qubits: int) -> bool:
    """Whether a run may sample small branches.

    Args:
        options: those of the estimator.
        precision: what is asked for; 0 asks for no standard error.
        qubits: qubits in use.
    """
    certain = options.method == "density_matrix" or options.max_rank is not None
    if options.truncation == "certified" or certain:
        return False
    if options.truncation == "unbiased":
        return True
    if precision == 0:
        return options.standard_error is not None or options.resolution is not None
    return qubits > _SMALL


def options_for(
    options: SimulationOptions, precision: float, size: float, qubits: int, scale: float
) -> SimulationOptions:
    """Options of one run.

    Args:
        options: those of the estimator.
        precision: largest error, or standard error, of an observable; 0 for what they say.
        size: largest bound on the norm of an observable.
        qubits: qubits in use.
        scale: what the observables are divided by before they are saved.
    """
    if samples(options, precision, qubits):
        target = precision or options.standard_error
        if target is None:
            return replace(options, shots=0)
        error = min(_LARGEST, target / scale)
        return replace(options, shots=0, standard_error=error, resolution=None)
    return replace(_certified(options, precision, size), shots=0)


def options_with_shots(
    options: SimulationOptions, precision: float, size: float
) -> SimulationOptions:
    """Options of a run whose measured outcomes decide what is done, so that it needs shots.

    Args:
        options: those of the estimator; their shots are taken with precision 0.
        precision: largest standard error of an observable.
        size: largest bound on the norm of an observable, and so on its spread from shot to shot.
    """
    shots = options.shots
    if precision > 0:
        shots = min(_MOST_SHOTS, max(2, math.ceil((size / precision) ** 2)))
    return replace(_certified(options, precision, size), shots=shots)


def _certified(options: SimulationOptions, precision: float, size: float) -> SimulationOptions:
    """Options of a run that samples no branches, with a bound within the precision."""
    epsilon = options.epsilon
    if precision > 0 and size > 0:
        epsilon = min(epsilon, precision / (2 * size))
    return replace(
        options, truncation="certified", standard_error=None, resolution=None, epsilon=epsilon
    )
