"""Whether a model's errors act in the circuits; often a noisy gate was transpiled away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from warnings import warn

from lret_dist import Measure
from lret_dist.circuits.control_flow import CONTROL_FLOW
from lret_dist.circuits.noise import NOISELESS, takes_noise
from lret_qiskit.noise.imported import ImportedNoiseModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lret_dist import Circuit, NoiseModel
    from lret_dist.circuits.circuit import Operation

__all__ = ["check_noise_acts"]

#: Instructions that a circuit may well do without while other noise of the model acts in it.
_OPTIONAL = frozenset({"delay", "id", "measure", "reset"})
#: What noise passes write into circuits and noise may act on, such as for a delay of no duration.
_FROM_PASSES = frozenset({"unitary"})


@dataclass
class _Names:
    """Names and labels of the instructions in the circuits of a job.

    Attributes:
        used: all of them, as noise is matched on them.
        acting: those that noise acts on.
        noiseless: those that no model adds noise to.
        labelled: names of instructions that are matched by their labels instead.
        gates: names of the instructions that noise can act on.
        local_widths: numbers of qubits of the instructions on which an error for certain qubits
            acts.
    """

    used: set[str] = field(default_factory=set)
    acting: set[str] = field(default_factory=set)
    noiseless: set[str] = field(default_factory=lambda: set(NOISELESS))
    labelled: set[str] = field(default_factory=set)
    gates: set[str] = field(default_factory=set)
    local_widths: set[int | None] = field(default_factory=set)

    def add(self, operation: Operation, noise: NoiseModel) -> None:
        """Take note of an instruction."""
        name = operation.label or operation.name
        self.used.add(name)
        if name != operation.name:
            self.labelled.add(operation.name)
        if takes_noise(operation):
            self.gates.add(operation.name)
        else:
            self.noiseless.add(name)
        qubits = operation.qubits
        if isinstance(operation, Measure) and operation.together:
            together = tuple(qubit for qubit, _ in operation.together)
            qubits = together if (name, together) in noise.errors else qubits
        if noise.terms_for(operation) or (name, qubits) in noise.errors:
            self.acting.add(name)
            if (name, qubits) in noise.errors:
                self.local_widths.add(len(qubits))


def check_noise_acts(
    noise: NoiseModel,
    circuits: Iterable[Circuit],
    written: Iterable[str] = (),
    *,
    stacklevel: int = 3,
) -> None:
    """Warn once, in one line, of errors that act nowhere in the circuits of a job.

    A model of a device has errors for all its instructions, and a circuit does without some of
    them. So left out are errors of instructions that are not there, where the circuits are made of
    the device's; and, where other errors act, those of ``delay``, ``id``, ``measure`` and
    ``reset``, and errors given for certain qubits where another such error acts on as many.

    Args:
        noise: the model.
        circuits: the circuits that are simulated.
        written: names of the instructions before any was taken apart.
        stacklevel: how far up the caller is that the warning is meant for.
    """
    names = _Names()
    operations = list(_distinct(circuits))
    for operation in operations:
        names.add(operation, noise)
    _check_readout_acts(noise, operations, stacklevel + 1)
    written = frozenset(written)
    idle = _idle(noise, names, written)
    if idle:
        reasons = {
            **dict.fromkeys(written, " (which is simulated as the gates that it is made of)"),
            **dict.fromkeys(names.labelled, " (matched by the labels of these instructions)"),
            **dict.fromkeys(names.used, " (given for other qubits)"),
            **dict.fromkeys(names.noiseless, " (which takes no noise)"),
        }
        shown = sorted(f"{name!r}{reasons.get(name, '')}" for name in idle)
        warn(_message(shown, names.used), UserWarning, stacklevel=stacklevel)


def _check_readout_acts(
    noise: NoiseModel, operations: Iterable[Operation], stacklevel: int
) -> None:
    """Warn of readout errors for qubits that no instruction measures together."""
    measured = {
        tuple(qubit for qubit, _ in operation.together)
        for operation in operations
        if isinstance(operation, Measure)
    }
    idle = [qubits for qubits in noise.readout if isinstance(qubits, tuple)]
    idle = [qubits for qubits in idle if qubits not in measured]
    if idle:
        warn(
            f"the readout error on qubits {', '.join(map(str, idle))} acts nowhere: it acts where "
            f"one instruction measures these qubits together, in this order",
            UserWarning,
            stacklevel=stacklevel,
        )


def _idle(noise: NoiseModel, names: _Names, written: frozenset[str]) -> set[str]:
    """Names that errors are given for, and that ought to be in the circuits."""
    idle = set(noise.instruction_names - names.acting)
    if _is_of_a_device(noise, names.gates - (_FROM_PASSES - written)):
        idle &= names.used
    if names.acting:
        idle -= _OPTIONAL
    return idle - {name for name in idle if _widths(noise, name) <= names.local_widths}


def _is_of_a_device(noise: NoiseModel, gates: set[str]) -> bool:
    """Whether the model is a device's, and the instructions are those of the device.

    The basis of a device's model names everything that the device does, measurements too; that of
    any other model names gates alone.
    """
    if not isinstance(noise, ImportedNoiseModel) or noise.basis_gates is None:
        return False
    return "measure" in noise.basis_gates and gates <= set(noise.basis_gates)


def _distinct(circuits: Iterable[Circuit]) -> Iterable[Operation]:
    seen: dict[tuple[object, ...], Operation] = {}
    for circuit in circuits:
        for operation in circuit.operations:
            if isinstance(operation, CONTROL_FLOW):
                continue
            together = operation.together if isinstance(operation, Measure) else ()
            key = (operation.name, operation.label, operation.qubits, together)
            seen.setdefault(key, operation)
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
