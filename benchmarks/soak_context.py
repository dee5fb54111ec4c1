"""What every job of soak.py gets, and how it says that a result is wrong."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psutil
    from numpy.random import Generator
    from qiskit.result import Result

    from lret_qiskit import LRETBackend

#: Ways to split the work over two MPI ranks or more; the last needs three qubits.
PARTITIONS: tuple[dict[str, Any], ...] = (
    {"parallelization": "auto"},
    {"parallelization": "column"},
    {"process_grid": (2, 1)},
)
#: Standard errors that a sampled value may be off.
SIGMAS = 6.0


class WrongResultError(Exception):
    """A job gave another result than it must, or did not fail where it must."""


@dataclass(frozen=True)
class Context:
    """The session, as one job of it finds it.

    Attributes:
        backend: of the session.
        ranks: the processes of the MPI ranks, in order.
        rng: random numbers of the job's own.
        folder: an empty one, for checkpoints.
        remembered: what jobs that repeat have given first.
    """

    backend: LRETBackend
    ranks: list[psutil.Process]
    rng: Generator
    folder: Path
    remembered: dict[str, Any]

    def seed(self) -> int:
        """A new seed for a run."""
        return int(self.rng.integers(2**31))

    def partition(self, qubits: int) -> dict[str, Any]:
        """Options of a random partition of so many qubits."""
        return PARTITIONS[self.rng.integers(len(PARTITIONS) if qubits > 2 else 2)]


def check(holds: object, text: str) -> None:
    """Raise :class:`WrongResultError` unless something holds."""
    if not holds:
        raise WrongResultError(text)


def check_near(value: float, exact: float, tolerance: float, what: str) -> None:
    """Check a number against the exact one."""
    text = f"{what} is {value}, exactly {exact}, and may be off by {tolerance:.3g}"
    check(abs(value - exact) <= tolerance, text)


def rounding(facts: dict[str, Any]) -> float:
    """Error that the floating-point numbers of a run may add, by its metadata."""
    return 1e-9 if facts["precision"] == "double" else 1e-4


def check_counts(counts: dict[str, int], shots: int) -> None:
    """Check that every shot was counted."""
    check(sum(counts.values()) == shots, f"{counts} are not {shots} shots")


def check_probability(counts: dict[str, int], outcome: str, exact: float) -> None:
    """Check how often an outcome was found, within the shots' own error and a little more."""
    shots = sum(counts.values())
    spread = (max(exact * (1 - exact), 0.0) / shots) ** 0.5
    found = counts.get(outcome, 0) / shots
    check_near(found, exact, SIGMAS * spread + 2 / shots, f"the part of {outcome}")


def check_expectation(result: Result, label: str, exact: float, norm: float = 1.0) -> None:
    """Check a saved expectation value within the error that the result itself tells.

    Args:
        result: of one circuit.
        label: of the value.
        exact: the exact one.
        norm: largest absolute value that the observable can have.
    """
    facts = result.results[0].metadata
    if facts["truncation"] == "certified":
        tolerance = norm * (2 * facts["truncation_error"] + rounding(facts))
    else:
        tolerance = SIGMAS * facts["standard_errors"][label] + 1e-5
    check_near(result.data(0)[label], exact, tolerance, f"{label}, {facts['truncation']},")


@contextmanager
def warned_of(text: str) -> Iterator[None]:
    """Check that the block warns, in words that hold ``text``."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        yield
    check(any(text in str(each.message) for each in heard), f"nothing warned of {text!r}")
