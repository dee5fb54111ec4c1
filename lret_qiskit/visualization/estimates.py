"""Expectation values and their errors, from all that holds them."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.primitives import PubResult
from qiskit.result import Result

from lret_qiskit.visualization.sources import experiment_of, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Estimates", "checked", "estimates"]


@dataclass(frozen=True)
class Estimates:
    """Values with what is known of their errors, all of the same length.

    Attributes:
        values: the values.
        errors: standard errors, 0 where nothing was sampled.
        bounds: certified bounds on the error, 0 where there is none.
        labels: names of the values; empty if they have none.
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    bounds: NDArray[np.float64]
    labels: list[str]

    def minus(self, other: Estimates) -> Estimates:
        """The differences: independent standard errors add in squares, bounds as they are."""
        errors = np.hypot(self.errors, other.errors)
        bounds = self.bounds + other.bounds
        return Estimates(self.values - other.values, errors, bounds, self.labels)


def estimates(given: Any, experiment: int = 0) -> Estimates:
    """The expectation values that are given, or that a result holds.

    Args:
        given: an array of values, an estimator's result of one PUB, or a Qiskit result.
        experiment: number of the circuit in a Qiskit result.

    Raises:
        TypeError: for something else.
        ValueError: when there are none, or they are not finite.
    """
    if isinstance(given, PubResult):
        return _of_pub(given)
    if isinstance(given, Result):
        return _of_result(given, experiment)
    if isinstance(given, np.ndarray | list | tuple | Real):
        values = checked(given, "values")
        return Estimates(values, 0 * values, 0 * values, [])
    raise refused(given, "expectation values, an estimator's result of one PUB, or a Qiskit result")


def checked(given: Any, name: str, size: int | None = None) -> NDArray[np.float64]:
    """Numbers in a row.

    Args:
        given: an array of any shape, or a number, which stands for as many as there must be.
        name: what they are called in errors.
        size: how many there must be, if that is known; then none may be negative.

    Raises:
        TypeError: for what is no array of real numbers.
        ValueError: for another size, none at all, negative errors, or what is not finite.
    """
    try:
        array = np.asarray(given, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be real numbers, got {shortened(given)}") from None
    if size is not None and array.size == 1:
        array = np.full(size, array[0])
    if not array.size or array.size != (size or array.size):
        raise ValueError(f"there must be {size or 'some'} {name}, got {array.size}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    if size is not None and (array < 0).any():
        raise ValueError(f"{name} must not be negative")
    return array


def _of_pub(pub: PubResult) -> Estimates:
    if not hasattr(pub.data, "evs"):
        raise TypeError("expected an estimator's result, got that of a sampler: see plot_counts")
    values = checked(pub.data.evs, "values")
    errors = getattr(pub.data, "stds", None)
    bounds = ((pub.metadata or {}).get("simulator_metadata") or {}).get("error_bounds")
    # NaN says that a run was sampled, and has no bound.
    errors, bounds = (
        checked(np.nan_to_num(0.0 if each is None else each), "errors", values.size)
        for each in (errors, bounds)
    )
    return Estimates(values, errors, bounds, [])


def _of_result(result: Result, experiment: int) -> Estimates:
    found = experiment_of(result, experiment)
    data = result.data(experiment)
    saved = {key: float(value) for key, value in data.items() if isinstance(value, Real)}
    if not saved:
        raise ValueError(
            "the result holds no expectation values: add circuit.save_expectation_value(...) "
            "before the run"
        )
    errors = (found.metadata or {}).get("standard_errors", {})
    values = checked(list(saved.values()), "values")
    known = checked([errors.get(key, 0.0) for key in saved], "standard errors", values.size)
    return Estimates(values, known, 0 * values, list(saved))
