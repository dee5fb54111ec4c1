import numpy as np
import pytest

from lret_dist import Circuit, ErrorTerm, NoiseModel
from lret_dist.circuits.circuit import Channel, Measure
from lret_dist.circuits.classical import Bits

FLIP = np.array([[[0, 1], [1, 0]]])
FIRST, SECOND = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.7, 0.3], [0.4, 0.6]])


def channels_of(model: NoiseModel, circuit: Circuit) -> list[tuple[int, ...]]:
    return [each.qubits for each in model.bind(circuit) if isinstance(each, Channel)]


def test_a_local_error_replaces_the_default_on_exactly_its_qubits() -> None:
    model = NoiseModel().add_error(FLIP, "cx", noise_qubits=[0])
    model.add_error(FLIP, "cx", [0, 1], noise_qubits=[1])
    circuit = Circuit(3).gate("cx", [0, 1]).gate("cx", [1, 0])
    assert channels_of(model, circuit) == [(1,), (0,)]


def test_noise_acts_before_a_measurement_and_after_anything_else() -> None:
    model = NoiseModel().add_error(FLIP, ["x", "reset", "measure"])
    names = [each.name for each in model.bind(Circuit(1, 1).gate("x", [0]).reset(0).measure(0, 0))]
    assert names == ["x", "noise", "reset", "noise", "noise", "measure"]


def test_a_measurement_keeps_its_own_readout_error() -> None:
    circuit = Circuit(1, 1).append(Measure(0, 0, readout=FIRST))
    (own,) = NoiseModel().bind(circuit)
    (both,) = NoiseModel().add_readout_error(SECOND).bind(circuit)
    np.testing.assert_array_equal(own.readout, FIRST)
    np.testing.assert_allclose(both.readout, FIRST @ SECOND)


def test_noise_in_a_dynamic_circuit() -> None:
    circuit = Circuit(1, 1).gate("x", [0]).measure(0, 0)
    circuit.jump("end", Bits((0,))).gate("x", [0]).mark("end")
    model = NoiseModel().add_error(FLIP, ["x", "jump", "mark"])
    names = [each.name for each in model.bind(circuit)]
    assert names == ["x", "noise", "measure", "jump", "x", "noise", "mark"]


@pytest.mark.parametrize("name", ["barrier", "save_probabilities"])
def test_what_is_no_instruction_of_a_device_takes_no_noise(name: str) -> None:
    circuit = Circuit(1).barrier().save_probabilities()
    assert not channels_of(NoiseModel().add_error(FLIP, name), circuit)


@pytest.mark.parametrize(
    ("term", "message"),
    [
        (ErrorTerm(FLIP), "on 'cx' acts on 1 qubits, the instruction on 2"),
        (ErrorTerm(np.eye(8)), "on 'cx' acts on 3 qubits, the instruction on 2"),
        (ErrorTerm(FLIP, positions=(2,)), "on 'cx' acts on 3 qubits, the instruction on 2"),
        (ErrorTerm(FLIP, positions=(0, 1)), r"acts on 1 qubits, it is given for 2: \(0, 1\)"),
        (ErrorTerm(FLIP, qubits=(0, 2)), r"acts on 1 qubits, it is given for 2: \(0, 2\)"),
        (ErrorTerm(FLIP, qubits=(7,)), "qubit 7 is out of range"),
    ],
)
def test_channels_that_do_not_fit(term: ErrorTerm, message: str) -> None:
    model = NoiseModel({("cx", None): [term]})
    with pytest.raises(ValueError, match=message):
        model.bind(Circuit(3).gate("cx", [0, 1]))
