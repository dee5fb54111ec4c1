"""LRET's noise models as Qiskit Aer's, for the instructions of one circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit.quantum_info import Kraus
from qiskit_aer.noise import NoiseModel as AerNoiseModel
from qiskit_aer.noise import QuantumError, ReadoutError

from lret_dist import NoiseModel
from lret_dist.circuits.circuit import Measure
from lret_qiskit.noise.imported import ImportedNoiseModel
from lret_qiskit.translators import translate_circuit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from lret_dist.circuits.circuit import Operation
    from lret_dist.circuits.noise import ErrorTerm

__all__ = ["as_aer"]


def as_aer(
    noise_model: AerNoiseModel | NoiseModel | None, circuit: QuantumCircuit
) -> AerNoiseModel | None:
    """The noise that a model gives a circuit, for Qiskit Aer; Aer's own models are left as is.

    Raises:
        ValueError: for an error on qubits that its instruction does not act on, which Aer has not.
    """
    if not isinstance(noise_model, NoiseModel):
        return noise_model
    model = AerNoiseModel()
    done = set()
    for operation in translate_circuit(circuit):
        key = (operation.label or operation.name, operation.qubits)
        terms = noise_model.terms_for(operation)
        if terms and key not in done:
            error = _error(operation, terms)
            model.add_quantum_error(error, [key[0]], operation.qubits, warnings=False)
        done.add(key)
        if isinstance(operation, Measure):
            _add_readout(model, noise_model, operation)
    if isinstance(noise_model, ImportedNoiseModel):
        model._custom_noise_passes.extend(noise_model.passes)
    return model


def _error(operation: Operation, terms: list[ErrorTerm]) -> QuantumError:
    """All channels of an instruction in one error."""
    places = {qubit: place for place, qubit in enumerate(operation.qubits)}
    channels = []
    for term in terms:
        channel = term.on(operation)
        if outside := set(channel.qubits) - places.keys():
            raise ValueError(
                f"Qiskit Aer has no noise on {sorted(outside)} after {operation.name!r} on "
                f"{list(operation.qubits)}"
            )
        wires = [places[qubit] for qubit in channel.qubits]
        channels.append((Kraus(list(term.kraus)).to_instruction(), wires))
    return QuantumError([(channels, 1.0)])


def _add_readout(model: AerNoiseModel, noise_model: NoiseModel, measure: Measure) -> None:
    """The readout error of the qubits that are measured together, else of each."""
    together = tuple(qubit for qubit, _ in measure.together)
    if together in noise_model.readout:
        model.add_readout_error(ReadoutError(noise_model.readout[together]), together)
    elif (matrix := noise_model.readout_for(measure.qubit)) is not None:
        model.add_readout_error(ReadoutError(matrix), (measure.qubit,))
