import warnings

import pytest
from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error

import lret_dist
from lret_qiskit import LRETBackend

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
