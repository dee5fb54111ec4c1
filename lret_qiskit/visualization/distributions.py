"""Distributions of outcomes, from all that holds counts or probabilities, and their errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np
from qiskit.primitives import BitArray, SamplerPubResult
from qiskit.result import Result

from lret_dist.results.result import SimulationResult
from lret_qiskit.visualization.sources import experiment_of, refused

__all__ = ["Distribution", "distribution"]

_WANTED = (
    "counts or probabilities by outcome, 2**n probabilities, a Qiskit result, a sampler's result "
    "of one PUB, or a result of lret_dist.simulate"
)
#: How far probabilities may be from 1 in all.
_OFF = 1e-3


@dataclass(frozen=True)
class Distribution:
    """Probabilities of outcomes, measured or exact.

    Attributes:
        weights: probability, or part of the shots, of each outcome; bit 0 is the lowest.
        num_bits: bits of an outcome.
        shots: number of shots, or None for probabilities.
        sampling_error: standard error that sampled branches add to a <Z>.
        bound: certified bound on the error of any probability.
        names: how outcomes were written, where they were bit strings.
    """

    weights: dict[int, float]
    num_bits: int
    shots: int | None = None
    sampling_error: float = 0.0
    bound: float = 0.0
    names: dict[int, str] = field(default_factory=dict)

    def standard_error(self, weight: float) -> float:
        """Standard error of a probability, 0 where it is not measured.

        N shots have sqrt(p (1 - p) / N). Sampled branches add to it what 1 / e**2 further shots
        would have, where e is the largest standard error that they leave to the <Z> of a qubit.
        """
        if self.shots is None:
            return 0.0
        return float(np.sqrt(weight * (1 - weight) * (1 / self.shots + self.sampling_error**2)))

    def bits(self, outcome: int) -> str:
        """An outcome as a bit string."""
        return self.names.get(outcome) or f"{outcome:0{self.num_bits}b}"


def distribution(given: Any, experiment: int = 0) -> Distribution:
    """The distribution that is given, or that a result holds.

    Args:
        given: counts (integers) or probabilities (floats) by outcome, which is a bit string, a
            hexadecimal string or an integer; an array of 2**n probabilities; or a result.
        experiment: number of the circuit in a Qiskit result.

    Raises:
        TypeError: for something else.
        ValueError: for outcomes or numbers that make no distribution.
        QiskitError: when a result has no counts.
    """
    if isinstance(given, Mapping):
        return _of_mapping(given)
    if isinstance(given, SimulationResult):
        saved = bool(given.standard_errors)
        errors = _errors(given.metadata.to_dict(), saved=saved)
        return _of_mapping(given.counts(), num_bits=given.num_clbits, errors=errors)
    if isinstance(given, Result):
        metadata = experiment_of(given, experiment).metadata or {}
        errors = _errors(metadata, saved=bool(metadata.get("standard_errors")))
        return _of_mapping(given.get_counts(experiment), errors=errors)
    if isinstance(given, SamplerPubResult):
        bits = given.join_data()
        errors = _errors(given.metadata.get("simulator_metadata") or {}, saved=False)
        return _of_mapping(bits.get_counts(), errors=errors)
    if isinstance(given, BitArray):
        return _of_mapping(given.get_counts())
    if isinstance(given, np.ndarray) and given.ndim == 1 and len(given).bit_count() == 1:
        numbers = {int(k): float(given[k]) for k in np.flatnonzero(given)}
        return _of_mapping(numbers, num_bits=len(given).bit_length() - 1)
    raise refused(given, _WANTED)


def _errors(metadata: Mapping[str, Any], *, saved: bool) -> tuple[float, float]:
    """What the metadata of a run, or arrays of those of several, say of the errors of its counts.

    The first is that of sampled branches, the second the certified bound. Where values were saved,
    the standard error may be theirs, and nothing is known of the counts'.
    """
    error = 0.0 if saved else _largest(metadata.get("standard_error"))
    return error, _largest(metadata.get("truncation_error"))


def _largest(values: Any) -> float:
    """The largest number; 0 for None and for NaN, which say that there is none."""
    if values is None:
        return 0.0
    return float(np.max(np.nan_to_num(np.asarray(values, dtype=np.float64)), initial=0.0))


def _of_mapping(
    given: Mapping[Any, Any], *, num_bits: int = 0, errors: tuple[float, float] = (0.0, 0.0)
) -> Distribution:
    """Counts, or probabilities, by outcome, with the errors of a run."""
    outcomes = {_outcome(key): value for key, value in given.items()}
    if len(outcomes) < len(given):
        raise ValueError("an outcome is there twice, in different forms")
    if not all(isinstance(each, Real) and 0 <= float(each) < np.inf for each in outcomes.values()):
        raise ValueError("counts and probabilities must be numbers, and not negative")
    total = sum(outcomes.values())
    counted = all(isinstance(each, Integral) for each in outcomes.values())
    if not total:
        raise ValueError("there are no counts: nothing was measured, or shots was 0")
    if not counted and abs(total - 1) > _OFF:
        raise ValueError(
            f"floats must be probabilities, but their sum is {total:g}; counts must be integers"
        )
    names = {
        _outcome(key): key for key in given if isinstance(key, str) and not key.startswith("0x")
    }
    widths = (len(name.replace(" ", "")) for name in names.values())
    return Distribution(
        {outcome: float(value / total) for outcome, value in outcomes.items()},
        num_bits=max(num_bits, max(outcomes).bit_length(), *widths, 1),
        shots=int(total) if counted else None,
        names=names,
        sampling_error=errors[0],
        bound=errors[1],
    )


def _outcome(key: Any) -> int:
    """An outcome as an integer."""
    digits = key.replace(" ", "") if isinstance(key, str) else ""
    try:
        if isinstance(key, Integral) and int(key) >= 0:
            return int(key)
        if digits.startswith("0x"):
            return int(digits, 16)
        if digits and set(digits) <= {"0", "1"}:
            return int(digits, 2)
    except ValueError:
        pass
    raise ValueError(
        f"an outcome must be a bit string, a string such as '0x1f', or an integer, got {key!r}"
    )
