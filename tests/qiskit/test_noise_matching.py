import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Kraus
from qiskit_aer.noise import NoiseModel, depolarizing_error

import lret_dist
from lret_qiskit import LRETBackend, NoiseModelImporter

ONE, TWO = depolarizing_error(0.1, 1), depolarizing_error(0.1, 2)


def warnings_of(backend: LRETBackend, circuits, noise) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        backend.run(circuits, noise_model=noise)
    return caught


def test_names_of_both_sides(backend: LRETBackend, bell: QuantumCircuit) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, ["x", "u3"])
    text = "^noise on 'u3', 'x' acts nowhere: the circuits have 'barrier', 'cx', 'h', 'measure'$"
    with pytest.warns(UserWarning, match=text) as caught:
        backend.run(bell, noise_model=model)
    (warning,) = caught
    assert warning.filename == __file__


def test_one_warning_for_a_job(backend: LRETBackend, bell: QuantumCircuit) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, ["x", "h"])
    with pytest.warns(UserWarning, match="noise on 'x' acts nowhere") as caught:
        backend.run([bell, bell, bell], noise_model=model)
    assert len(caught) == 1


def test_noise_that_acts_in_one_circuit_of_a_job(backend: LRETBackend, bell) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, ["x", "h"])
    other = QuantumCircuit(1)
    other.x(0)
    assert not warnings_of(backend, [bell, other], model)


def test_noise_on_other_qubits(backend: LRETBackend, bell: QuantumCircuit) -> None:
    model = NoiseModel()
    model.add_quantum_error(TWO, "cx", [1, 0])
    with pytest.warns(UserWarning, match=r"noise on 'cx' \(given for other qubits\) acts nowhere"):
        backend.run(bell, noise_model=model)


def test_optional_instructions_are_left_out_where_others_act(backend: LRETBackend, bell) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, ["id", "reset", "delay", "h"])
    assert not warnings_of(backend, bell, model)


def test_optional_instructions_are_named_where_nothing_acts(backend: LRETBackend, bell) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, ["id"])
    with pytest.warns(UserWarning, match="noise on 'id' acts nowhere"):
        backend.run(bell, noise_model=model)


def test_unused_gates_of_a_device_are_left_out(backend: LRETBackend, bell) -> None:
    """A model of a device has errors for gates that a circuit does without."""
    model = NoiseModel()
    model.add_quantum_error(ONE, ["h", "x"], [0])
    model.add_quantum_error(TWO, ["cx"], [0, 1])
    assert not warnings_of(backend, bell, model)
    model.add_quantum_error(TWO.tensor(ONE), ["ccx"], [0, 1, 2])
    with pytest.warns(UserWarning, match="noise on 'ccx' acts nowhere"):
        backend.run(bell, noise_model=model)


def test_gates_that_a_compiled_circuit_does_without(backend: LRETBackend) -> None:
    """Of a device's instructions a circuit has some; that is no mistake."""
    device = GenericBackendV2(2, seed=1)
    model = NoiseModelImporter.from_backend(device)
    circuit = QuantumCircuit(2, 2)
    circuit.rz(0.3, 0)
    circuit.measure(0, 0)
    assert not warnings_of(backend, circuit, model)
    circuit.sx(0)
    circuit.measure(0, 0)
    assert not warnings_of(backend, circuit, NoiseModel.from_backend(device))


def test_a_delay_of_no_duration_does_not_hide_the_device(backend: LRETBackend) -> None:
    model = NoiseModelImporter.from_backend(GenericBackendV2(2, seed=1))
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.delay(0, 0, unit="dt")
    circuit.measure(0, 0)
    assert not warnings_of(backend, circuit, model)


def test_gates_that_a_device_does_not_have(backend: LRETBackend, bell: QuantumCircuit) -> None:
    model = NoiseModelImporter.from_backend(GenericBackendV2(2, seed=1))
    uncompiled = QuantumCircuit(1)
    uncompiled.h(0)
    with pytest.warns(UserWarning, match=r"noise on 'cx', .*'x' acts nowhere: .* have 'h'"):
        backend.run(uncompiled, noise_model=model)


def test_qubits_that_a_device_does_not_couple(backend: LRETBackend) -> None:
    model = NoiseModelImporter.from_backend(GenericBackendV2(3, coupling_map=[[0, 1], [1, 2]]))
    circuit = QuantumCircuit(3)
    circuit.sx(0)
    circuit.cx(0, 2)
    with pytest.warns(UserWarning, match=r"noise on 'cx' \(given for other qubits\) acts nowhere"):
        backend.run(circuit, noise_model=model)


def test_labels_hide_names(backend: LRETBackend) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, "x")
    circuit = QuantumCircuit(1)
    circuit.append(XGate(label="mine"), [0])
    text = r"noise on 'x' \(matched by the labels of these instructions\) acts nowhere: .* 'mine'"
    with pytest.warns(UserWarning, match=text):
        backend.run(circuit, noise_model=model)


def test_noise_in_blocks_of_control_flow(backend: LRETBackend) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, ["x", "y"])
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(0)
    with pytest.warns(UserWarning, match="noise on 'y' acts nowhere: .* have 'measure', 'x'$"):
        backend.run(circuit, noise_model=model)


def test_what_a_circuit_saves_takes_no_noise(backend: LRETBackend) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, "save_probabilities")
    circuit = QuantumCircuit(1)
    circuit.save_probabilities()
    text = r"'save_probabilities' \(which takes no noise\) acts nowhere"
    with pytest.warns(UserWarning, match=text):
        backend.run(circuit, noise_model=model)


def test_gate_that_is_taken_apart(backend: LRETBackend) -> None:
    inner = QuantumCircuit(1, name="mine")
    inner.x(0)
    circuit = QuantumCircuit(1)
    circuit.append(inner.to_gate(), [0])
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, "mine")
    text = r"noise on 'mine' \(which is simulated as the gates that it is made of\) acts nowhere"
    with pytest.warns(UserWarning, match=text):
        backend.run(circuit, noise_model=model)


def test_channels_take_no_noise(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(1)
    circuit.append(Kraus([np.eye(2)]), [0])
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ONE, "kraus")
    with pytest.warns(UserWarning, match=r"noise on 'kraus' \(which takes no noise\) acts nowhere"):
        backend.run(circuit, noise_model=model)


def test_readout_noise_alone(backend: LRETBackend, bell: QuantumCircuit) -> None:
    model = NoiseModel()
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.1, 0.9]])
    assert not warnings_of(backend, [bell, QuantumCircuit(1)], model)


def test_model_of_lret(backend: LRETBackend, bell: QuantumCircuit) -> None:
    model = lret_dist.NoiseModel().add_error([[[0, 1], [1, 0]]], "x")
    with pytest.warns(UserWarning, match="noise on 'x' acts nowhere"):
        backend.run(bell, noise_model=model)


def test_no_noise_no_warning(backend: LRETBackend, bell: QuantumCircuit) -> None:
    assert not warnings_of(backend, bell, NoiseModel())
