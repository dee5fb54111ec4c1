"""Whether a model's errors act in the circuits; often a noisy gate was transpiled away."""

from __future__ import annotations

from typing import TYPE_CHECKING
from warnings import warn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lret_dist import Circuit, NoiseModel
    from lret_dist.circuit import Operation

__all__ = ["check_noise_acts"]

#: Instructions that a circuit may well do without while other noise of the model acts in it.
_OPTIONAL = frozenset({"delay", "id", "measure", "reset"})


def check_noise_acts(noise: NoiseModel, circuits: Iterable[Circuit]) -> None:
    """Warn once, in one line, of errors that act nowhere in the circuits of a job.

    Errors of ``delay``, ``id``, ``measure`` and ``reset`` are left out where others act: models
    of devices have them, and most circuits do without.
    """
    used: set[str] = set()
    acting: set[str] = set()
    for operation in _distinct(circuits):
        used.add(operation.label or operation.name)
        acting |= _acting_names(noise, operation)
    idle = noise.instruction_names - acting
    if acting:
        idle -= _OPTIONAL
    if idle:
        warn(_message(idle, used), UserWarning, stacklevel=3)


def _distinct(circuits: Iterable[Circuit]) -> Iterable[Operation]:
    seen: dict[tuple[str, str | None, tuple[int, ...]], Operation] = {}
    for circuit in circuits:
        for operation in circuit.operations:
            seen.setdefault((operation.name, operation.label, operation.qubits), operation)
    return seen.values()


def _acting_names(noise: NoiseModel, operation: Operation) -> set[str]:
    """The label or name that the operation's noise is given for, if it has any."""
    return {operation.label or operation.name} if noise.terms_for(operation) else set()


def _message(idle: set[str] | frozenset[str], used: set[str]) -> str:
    names = [f"{name!r} (given for other qubits)" if name in used else repr(name) for name in idle]
    return (
        f"noise on {', '.join(sorted(names))} acts nowhere: "
        f"the circuits have {', '.join(map(repr, sorted(used))) or 'no instructions'}"
    )
