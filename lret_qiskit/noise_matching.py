"""Whether a model's errors act in the circuits; often a noisy gate was transpiled away."""

from __future__ import annotations

from typing import TYPE_CHECKING
from warnings import warn

from lret_dist.noise import NOISELESS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lret_dist import Circuit, NoiseModel
    from lret_dist.circuit import Operation

__all__ = ["check_noise_acts"]

#: Instructions that a circuit may well do without while other noise of the model acts in it.
_OPTIONAL = frozenset({"delay", "id", "measure", "reset"})


def check_noise_acts(
    noise: NoiseModel, circuits: Iterable[Circuit], written: Iterable[str] = ()
) -> None:
    """Warn once, in one line, of errors that act nowhere in the circuits of a job.

    A model of a device has errors for all its instructions, and a circuit does without some of
    them. So left out are, where others act, the errors of ``delay``, ``id``, ``measure`` and
    ``reset``, and errors given for certain qubits where another such error acts on as many.

    Args:
        noise: the model.
        circuits: the circuits that are simulated.
        written: names of the instructions before any was taken apart.
    """
    used: set[str] = set()
    acting: set[str] = set()
    noiseless: set[str] = set(NOISELESS)
    local_widths: set[int | None] = set()
    for operation in _distinct(circuits):
        name = operation.label or operation.name
        used.add(name)
        if operation.name in NOISELESS:
            noiseless.add(name)
        if noise.terms_for(operation):
            acting.add(name)
            if (name, operation.qubits) in noise.errors:
                local_widths.add(len(operation.qubits))
    idle = noise.instruction_names - acting
    if acting:
        idle -= _OPTIONAL
    idle -= {name for name in idle if _widths(noise, name) <= local_widths}
    if idle:
        reasons = {
            **dict.fromkeys(written, " (which is simulated as the gates that it is made of)"),
            **dict.fromkeys(used, " (given for other qubits)"),
            **dict.fromkeys(noiseless, " (which takes no noise)"),
        }
        names = sorted(f"{name!r}{reasons.get(name, '')}" for name in idle)
        warn(_message(names, used), UserWarning, stacklevel=3)


def _distinct(circuits: Iterable[Circuit]) -> Iterable[Operation]:
    seen: dict[tuple[str, str | None, tuple[int, ...]], Operation] = {}
    for circuit in circuits:
        for operation in circuit.operations:
            seen.setdefault((operation.name, operation.label, operation.qubits), operation)
    return seen.values()


def _widths(noise: NoiseModel, name: str) -> set[int | None]:
    """Numbers of qubits that the errors of an instruction are given for; None for any."""
    return {
        None if qubits is None else len(qubits) for each, qubits in noise.errors if each == name
    }


def _message(idle: list[str], used: set[str]) -> str:
    return (
        f"noise on {', '.join(idle)} acts nowhere: "
        f"the circuits have {', '.join(map(repr, sorted(used))) or 'no instructions'}"
    )
