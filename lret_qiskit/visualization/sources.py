"""What a plot is given: one circuit of a result."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit.result import Result
    from qiskit.result.models import ExperimentResult

__all__ = ["experiment_of", "refused"]


def experiment_of(result: Result, experiment: int) -> ExperimentResult:
    """One circuit of a Qiskit result.

    Args:
        result: Qiskit's result of a job.
        experiment: the circuit's number in the job.

    Raises:
        TypeError: for a number that is no integer.
        ValueError: when there is no such circuit, or it failed.
    """
    try:
        number = index(experiment)
    except TypeError:
        raise TypeError(f"experiment must be an integer, got {experiment!r}") from None
    circuits = len(result.results)
    if not 0 <= number < circuits:
        raise ValueError(f"experiment must be one of the result's {circuits}, got {number}")
    found = result.results[number]
    if not found.success:
        raise ValueError(f"experiment {number} of the result failed: {found.status}")
    return found


def refused(given: Any, wanted: str) -> TypeError:
    """The error for something that cannot be drawn.

    Args:
        given: what came.
        wanted: what was expected.
    """
    kind = type(given).__name__
    hint = ""
    if callable(getattr(given, "result", None)):
        hint = f"; the {kind}'s result() gives one"
    elif isinstance(given, list | tuple) or kind == "PrimitiveResult":
        hint = "; give one of its parts, such as [0]"
    return TypeError(f"expected {wanted}, got {kind}{hint}")
