"""The noise of devices: that of Qiskit Aer's NoiseModel.from_backend, made as it is needed."""

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import CXGate, XGate
from qiskit.providers import QubitProperties
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Kraus, SuperOp
from qiskit.transpiler import InstructionProperties, Target
from qiskit_aer.noise import NoiseModel

from lret_qiskit import LRETBackend, NoiseModelImporter
from lret_qiskit.noise.aer_model import pass_arguments
from lret_qiskit.noise.imported import ImportedNoiseModel

runtime = pytest.importorskip("qiskit_ibm_runtime.fake_provider")


@pytest.fixture(scope="module")
def manila():
    return runtime.FakeManilaV2()


def assert_same(ours: ImportedNoiseModel, aer: NoiseModel) -> None:
    theirs = NoiseModelImporter.import_noise_model(aer)
    assert ours.errors.keys() == theirs.errors.keys()
    for key, (term,) in theirs.errors.items():
        channels = [SuperOp(Kraus(list(each.kraus))) for each in (ours.errors[key][0], term)]
        np.testing.assert_allclose(channels[0].data, channels[1].data, rtol=0, atol=1e-12)
    assert ours.readout.keys() == theirs.readout.keys()
    for qubit, matrix in theirs.readout.items():
        np.testing.assert_array_equal(ours.readout[qubit], matrix)
    assert ours.basis_gates == theirs.basis_gates
    ours_passes, their_passes = (
        [vars(pass_arguments(each)) | {"target": None} for each in model.passes]
        for model in (ours, theirs)
    )
    assert ours_passes == their_passes


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 30.0},
        {"gate_error": False},
        {"readout_error": False, "temperature": 5},
        {"thermal_relaxation": False},
    ],
    ids=str,
)
def test_errors_are_those_of_aer(manila, settings: dict) -> None:
    ours = NoiseModelImporter.from_backend(manila, **settings)
    assert_same(ours, NoiseModel.from_backend(manila, **settings))


def test_generic_backends() -> None:
    backend = GenericBackendV2(3, seed=1)
    assert_same(NoiseModelImporter.from_backend(backend), NoiseModel.from_backend(backend))


def test_an_ideal_device() -> None:
    backend = GenericBackendV2(2, noise_info=False)
    model = NoiseModelImporter.from_backend(backend, thermal_relaxation=False)
    assert not model.errors
    assert not model.readout
    assert not model.passes


def test_durations_of_the_users_own(manila) -> None:
    """Qiskit Aer refuses them for a BackendV2, and says to change the target."""
    lengths = [("sx", None, 400), ("cx", (1, 2), 0.5e3)]
    ours = NoiseModelImporter.from_backend(manila, gate_lengths=lengths)
    slow = runtime.FakeManilaV2()
    for name, places, seconds in (("sx", [(q,) for q in range(5)], 4e-7), ("cx", [(1, 2)], 5e-7)):
        for place in places:
            error = slow.target[name][place].error
            properties = InstructionProperties(duration=seconds, error=error)
            slow.target.update_instruction_properties(name, place, properties)
    assert_same(ours, NoiseModel.from_backend(slow))
    assert len(ours.errors) == 28


def test_durations_that_fit_nothing(manila) -> None:
    with pytest.raises(ValueError, match=r"no instruction 'cx' on qubits \(0, 4\)"):
        NoiseModelImporter.from_backend(manila, gate_lengths=[("cx", [0, 4], 1)])
    with pytest.raises(ValueError, match=r"no instruction 'swap'$"):
        NoiseModelImporter.from_backend(manila, gate_lengths=[("swap", None, 1)])


def bare_backend(**properties: object):
    target = Target(num_qubits=2, **properties)
    target.add_instruction(XGate(), {(0,): InstructionProperties(error=0.1, duration=1e-7)})
    target.add_instruction(CXGate(), {(0, 1): None})
    backend = GenericBackendV2(2)
    backend._target = target
    return backend


def test_a_device_without_properties_of_its_qubits() -> None:
    with pytest.warns(UserWarning, match="tells no properties of its qubits") as caught:
        model = NoiseModelImporter.from_backend(bare_backend())
    assert caught[0].filename == __file__
    assert set(model.errors) == {("x", (0,))}
    assert not model.passes
    with pytest.warns(UserWarning, match="no QubitProperties"):
        expected = NoiseModel.from_backend(bare_backend(), thermal_relaxation=False)
    (theirs,) = NoiseModelImporter.import_noise_model(expected).errors["x", (0,)]
    np.testing.assert_allclose(model.errors["x", (0,)][0].kraus, theirs.kraus)


def test_unknown_times_are_infinite() -> None:
    known = [QubitProperties(t1=1e-5), QubitProperties()]
    model = NoiseModelImporter.from_backend(bare_backend(qubit_properties=known))
    (found,) = (pass_arguments(each) for each in model.passes)
    assert found.t1s == (1e-5, np.inf)
    assert found.t2s == (2e-5, np.inf)


def test_only_backends() -> None:
    with pytest.raises(TypeError, match="expected a BackendV2 of Qiskit, got str"):
        NoiseModelImporter.from_backend("fake_manila")


def test_a_large_device(manila) -> None:
    """Errors are made for the instructions that the circuit has, and for no others."""
    device = runtime.FakeSherbrooke()
    model = NoiseModelImporter.from_backend(device)
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    on_device = transpile(circuit, device, initial_layout=[100, 101], seed_transpiler=1)
    backend = LRETBackend(noise_model=model, num_qubits=127)
    counts = backend.run(on_device, shots=2000, seed_simulator=1).result().get_counts()
    assert counts["00"] + counts["11"] > 1800
    assert counts.get("01", 0) + counts.get("10", 0) > 10
    made = [key for key, (term,) in model.errors.items() if "kraus" in vars(term)]
    assert {qubit for _, qubits in made for qubit in qubits} == {100, 101}
    assert len(model.errors) > 600
