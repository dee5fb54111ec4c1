"""What is compared: a circuit that both simulators know, and the state before it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit import ClassicalRegister, QiskitError, QuantumCircuit
from qiskit.circuit import ControlFlowOp, Store
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import BasisTranslator, UnrollCustomDefinitions
from qiskit_aer import AerSimulator

from lret_qiskit.backends.target import build_target
from lret_qiskit.translators.parameters import free_parameters

if TYPE_CHECKING:
    from qiskit.circuit import CircuitInstruction
    from qiskit_aer.noise import NoiseModel

__all__ = ["STATE", "Subject"]

#: Key of what is saved of the state.
STATE = "state"
#: Instructions that use no qubit.
_IDLE = frozenset({"barrier", "delay"})
#: Instructions after which a pure state may be mixed.
_MIXING = frozenset({"reset", "initialize", "kraus", "superop", "quantum_channel"})


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A circuit to compare two simulators on.

    Attributes:
        circuit: with measurements, of instructions that Qiskit Aer knows.
        used: qubits that something acts on.
        measured: those that are measured, or all where that happens on the way.
        is_dynamic: whether something follows upon a measurement.
        is_pure: whether the state stays pure.
        notes: what was done to the circuit, a sentence each.
    """

    circuit: QuantumCircuit
    used: tuple[int, ...]
    measured: tuple[int, ...]
    is_dynamic: bool
    is_pure: bool
    notes: tuple[str, ...]

    @classmethod
    def of(cls, circuit: Any, noise_model: NoiseModel | None) -> Subject:
        """The subject of a comparison.

        Raises:
            TypeError: for what is no circuit.
            ValueError: for one with free parameters, or without qubits that are used.
        """
        if not isinstance(circuit, QuantumCircuit):
            raise TypeError(f"circuit must be a QuantumCircuit, got {type(circuit).__name__}")
        if parameters := free_parameters(circuit):
            names = ", ".join(each.name for each in parameters)
            raise ValueError(f"the circuit's parameters need values: {names}")
        known = _known_to_aer(_without_saves(circuit))
        used = _used(known)
        if not used:
            raise ValueError("the circuit must act on at least one qubit")
        notes = []
        if not _measured(known):
            known = _measuring(known, used)
            notes.append("The circuit measures nothing: all qubits were measured at its end.")
        dynamic = _is_dynamic(known)
        is_pure = not dynamic and noise_model is None and not _names(known) & _MIXING
        return cls(
            circuit=known,
            used=used,
            measured=used if dynamic else _measured(known),
            is_dynamic=dynamic,
            is_pure=is_pure,
            notes=tuple(notes),
        )

    def saving(self, quantity: str) -> QuantumCircuit:
        """The circuit with something saved of the measured qubits before they are measured.

        Args:
            quantity: ``"statevector"``, where all qubits are measured, ``"density_matrix"`` or
                ``"probabilities"``.
        """
        saving = self.circuit.copy_empty_like()
        ends = [each for each in self.circuit.data if each.operation.name == "measure"]
        for each in self.circuit.data:
            if each.operation.name != "measure":
                saving.append(each)
        if quantity == "statevector":
            saving.save_statevector(label=STATE)
        else:
            getattr(saving, f"save_{quantity}")(list(self.measured), label=STATE)
        for each in ends:
            saving.append(each)
        return saving


def _without_saves(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit without what it saves, which is not compared."""
    kept = circuit.copy_empty_like()
    for each in circuit.data:
        if not each.operation.name.startswith("save_"):
            kept.append(each)
    return kept


def _known_to_aer(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit in instructions of Aer's; others are what they are defined as.

    Raises:
        ValueError: for an instruction that cannot be.
    """
    known = {*AerSimulator().operation_names, "measure", "store", *_IDLE}
    unknown = _names(circuit) - known
    if not unknown:
        return circuit
    target = build_target(circuit.num_qubits, known)
    # Nothing is laid out or optimized: noise acts on the gates that the user has written.
    passes = PassManager(
        [
            UnrollCustomDefinitions(SessionEquivalenceLibrary, target=target),
            BasisTranslator(SessionEquivalenceLibrary, None, target=target),
        ]
    )
    try:
        return passes.run(circuit)
    except QiskitError as error:
        names = ", ".join(sorted(unknown))
        raise ValueError(f"Qiskit Aer does not know {names}: {error.message}") from None


def _names(circuit: QuantumCircuit) -> set[str]:
    """Names of all instructions, those in blocks of control flow too."""
    names = set()
    for each in circuit.data:
        names.add(each.operation.name)
        if isinstance(each.operation, ControlFlowOp):
            names |= {name for block in each.operation.blocks for name in _names(block)}
    return names


def _qubits(circuit: QuantumCircuit, each: CircuitInstruction) -> list[int]:
    return [circuit.find_bit(qubit).index for qubit in each.qubits]


def _used(circuit: QuantumCircuit) -> tuple[int, ...]:
    parts = (e for e in circuit.data if e.operation.name not in _IDLE)
    return tuple(sorted({qubit for each in parts for qubit in _qubits(circuit, each)}))


def _measured(circuit: QuantumCircuit) -> tuple[int, ...]:
    """Qubits that are measured outside blocks of control flow."""
    parts = (each for each in circuit.data if each.operation.name == "measure")
    return tuple(sorted({qubit for each in parts for qubit in _qubits(circuit, each)}))


def _measuring(circuit: QuantumCircuit, used: tuple[int, ...]) -> QuantumCircuit:
    measuring = circuit.copy()
    name = "measured"
    while any(register.name == name for register in circuit.cregs):
        name += "_"
    register = ClassicalRegister(len(used), name)
    measuring.add_register(register)
    measuring.measure(list(used), register)
    return measuring


def _is_dynamic(circuit: QuantumCircuit) -> bool:
    """Whether something follows upon a measurement."""
    measured: set[int] = set()
    for each in circuit.data:
        if isinstance(each.operation, ControlFlowOp | Store):
            return True
        qubits = _qubits(circuit, each)
        if each.operation.name != "barrier" and not measured.isdisjoint(qubits):
            return True
        if each.operation.name == "measure":
            measured.update(qubits)
    return False
