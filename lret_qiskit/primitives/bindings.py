"""A parameterised circuit with its parameter sets, as circuits of LRET.

Where there are many parameter sets, a circuit whose parameters all are the one angle of a standard
gate is translated once: the matrix of such a gate is a combination of 1, cos(t/2), sin(t/2), cos(t)
and sin(t) with matrices that do not depend on the angle t, so those of many parameter sets are one
product, which takes a fifth to a half of the time of their translations. Any other circuit is bound
and translated for each set, and so is one whose noise passes look at gates: these must see the
bound gates themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import UnitaryGate, get_standard_gate_name_mapping

from lret_dist import Circuit, Gate
from lret_dist.circuits.saves import Save
from lret_qiskit.noise.relaxation import acts_on_delays_alone
from lret_qiskit.noise_model_importer import with_noise_passes
from lret_qiskit.translators import translate_circuit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit.circuit import CircuitInstruction, ParameterExpression

    from lret_dist import NoiseModel

__all__ = ["Bindings"]

ComplexArray = NDArray[np.complex128]
FloatArray = NDArray[np.float64]

#: Angles at which a gate is sampled: as many as it has terms, and one to see that these are all.
_PROBES = np.array([0.3, 1.1, 2.3, -0.7, -1.9, 2.9])
#: Parameter sets from which on a template, which takes as long as some translations, pays.
_MANY = 10
#: Label of what stands for a parameterised gate while the circuit around it is translated.
_SLOT = "lret parameterised gate "


class Bindings:
    """The circuits of a PUB: one circuit, and the parameter sets to bind it to.

    Attributes:
        size: number of parameter sets.
        first: the circuit of the first one, not to be changed, or None where there is none.
    """

    def __init__(
        self, circuit: QuantumCircuit, values: FloatArray, noise: NoiseModel | None
    ) -> None:
        """Translate the first parameter set or, of many, what they share where they share it.

        Args:
            circuit: the circuit, without noise.
            values: (size, parameters) values, in the order of the circuit's parameters.
            noise: the model whose noise passes the circuit goes through, or None.

        Raises:
            ValueError: for a circuit that cannot be simulated.
        """
        self.size = len(values)
        self._circuit = circuit
        self._values = values
        self._noise = noise
        self._template = _Template.of(circuit, noise) if self.size >= _MANY else None
        self.first: Circuit | None = None
        self.first = next(self.circuits(range(min(1, self.size))), None)

    def circuits(self, numbers: range) -> Iterator[Circuit]:
        """The circuits of some parameter sets, each one new.

        Raises:
            ValueError: for a value that is not finite.
        """
        if self._template is None:
            return (self._bound(number) for number in numbers)
        return self._template.filled(self._values[numbers.start : numbers.stop])

    def _bound(self, number: int) -> Circuit:
        if number == 0 and self.first is not None:
            return replace(self.first, operations=list(self.first.operations))
        bound = self._circuit
        if bound.num_parameters:
            # Qiskit copies all definitions, too.
            bound = bound.assign_parameters(self._values[number])
        return _translated(bound, self._noise)


@dataclass(frozen=True)
class _Slot:
    """A gate with one angle: its name, label and qubits, and the matrices it is made of."""

    place: int
    gate: Gate
    angle: ParameterExpression
    terms: ComplexArray


class _Template:
    """A translated circuit with slots for its parameterised gates."""

    def __init__(
        self, circuit: Circuit, slots: list[_Slot], parameters: list[Parameter], name: str
    ) -> None:
        self._circuit = circuit
        self._slots = slots
        self._columns = {parameter: place for place, parameter in enumerate(parameters)}
        self._name = name

    @classmethod
    def of(cls, circuit: QuantumCircuit, noise: NoiseModel | None) -> _Template | None:
        """The template of a circuit.

        None where it takes more than angles of its own gates, or where a noise pass may act on
        these by their class, name, angle or duration, which a stand-in has not.
        """
        if not all(map(acts_on_delays_alone, getattr(noise, "passes", ()))):
            return None
        parameterised = [each for each in circuit.data if each.is_parameterized()]
        if any(_terms_of(each) is None for each in parameterised):
            return None
        prepared = _with_slots(circuit)
        if prepared.parameters:
            return None
        translated = _translated(prepared, noise)
        slots = [
            _slot(place, operation, parameterised)
            for place, operation in enumerate(translated.operations)
            if isinstance(operation, Gate) and (operation.label or "").startswith(_SLOT)
        ]
        return cls(translated, slots, list(circuit.parameters), circuit.name)

    def filled(self, values: FloatArray) -> Iterator[Circuit]:
        """One circuit for each row of values, (number, parameters)."""
        matrices = self._matrices(values)
        for number in range(len(values)):
            operations = list(self._circuit.operations)
            for slot, matrix in zip(self._slots, matrices, strict=True):
                gate = slot.gate
                operations[slot.place] = Gate(gate.name, gate.qubits, matrix[number], gate.label)
            yield replace(self._circuit, operations=operations)

    def _matrices(self, values: FloatArray) -> list[ComplexArray]:
        """(number, 2**k, 2**k) matrices of each slot."""
        factors: dict[ParameterExpression, FloatArray] = {}
        for slot in self._slots:
            if slot.angle not in factors:
                factors[slot.angle] = _functions(self._angles(slot, values))
        return [np.tensordot(factors[slot.angle], slot.terms, 1) for slot in self._slots]

    def _angles(self, slot: _Slot, values: FloatArray) -> FloatArray:
        """(number,) angles of a slot in radians."""
        if isinstance(slot.angle, Parameter):
            angles = values[:, self._columns[slot.angle]]
        else:
            angles = np.array([self._evaluated(slot.angle, row) for row in values])
        if not np.isfinite(angles).all():
            wrong = angles[~np.isfinite(angles)][0]
            raise ValueError(
                f"circuit {self._name!r}: gate {slot.gate.name!r} on qubits {slot.gate.qubits} "
                f"needs finite parameters, got {wrong}"
            )
        return angles

    def _evaluated(self, angle: ParameterExpression, row: FloatArray) -> float:
        known = {each: row[self._columns[each]] for each in angle.parameters}
        return float(angle.bind(known))


def _translated(circuit: QuantumCircuit, noise: NoiseModel | None) -> Circuit:
    """A circuit without what it saves, for which a primitive's result has no place."""
    made = translate_circuit(with_noise_passes(circuit, noise))
    made.operations = [each for each in made.operations if not isinstance(each, Save)]
    return made


def _with_slots(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with an identity, labelled with a number, for each parameterised gate."""
    copy = circuit.copy_empty_like()
    copy.global_phase = 0
    number = 0
    for each in circuit.data:
        if each.is_parameterized():
            label = f"{_SLOT}{number}"
            identity = np.eye(1 << len(each.qubits), dtype=np.complex128)
            copy.append(UnitaryGate(identity, label, check_input=False), each.qubits)
            number += 1
        else:
            copy.append(each)
    return copy


def _slot(place: int, stand_in: Gate, parameterised: list[CircuitInstruction]) -> _Slot:
    assert stand_in.label is not None
    instruction = parameterised[int(stand_in.label.removeprefix(_SLOT))]
    gate = Gate(instruction.name, stand_in.qubits, stand_in.matrix, instruction.label)
    terms = _terms_of(instruction)
    assert terms is not None
    return _Slot(place, gate, instruction.params[0], terms)


def _terms_of(instruction: CircuitInstruction) -> ComplexArray | None:
    if instruction.is_standard_gate() and len(instruction.params) == 1 and instruction.qubits:
        return _terms(instruction.name)
    return None


@cache
def _terms(name: str) -> ComplexArray | None:
    """(5, 2**k, 2**k) matrices of a gate with one angle, or None if five do not make it up."""
    gate: Any = get_standard_gate_name_mapping()[name].base_class
    samples = np.array([gate(angle).to_matrix() for angle in _PROBES])
    functions = _functions(_PROBES)
    terms, *_ = np.linalg.lstsq(functions, samples.reshape(len(_PROBES), -1), rcond=None)
    made = (functions @ terms).reshape(samples.shape)
    return terms.reshape(-1, *samples.shape[1:]) if np.allclose(made, samples, 0, 1e-12) else None


def _functions(angles: FloatArray) -> FloatArray:
    """(number, 5) values of 1, cos(t/2), sin(t/2), cos(t) and sin(t)."""
    half = angles / 2
    columns = [np.ones_like(angles), np.cos(half), np.sin(half), np.cos(angles), np.sin(angles)]
    return np.stack(columns, axis=-1)
