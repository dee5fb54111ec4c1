import gc
import weakref

import numpy as np
import pytest
from aer_reference import random_kraus
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Delay
from qiskit.circuit.library import CXGate, HGate, RXGate, SGate, XGate, iSwapGate
from qiskit.quantum_info import Kraus, SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    PauliLindbladError,
    QuantumError,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    reset_error,
    thermal_relaxation_error,
)
from qiskit_aer.noise.passes import LocalNoisePass, RelaxationNoisePass

import lret_dist
from lret_dist import UnsupportedOperationError
from lret_qiskit import LRETBackend, NoiseModelImporter
from lret_qiskit.noise_model_importer import ImportCache
from lret_qiskit.translators import error_kraus
from lret_qiskit.translators.quantum_errors import pauli_kraus

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "error",
    [
        depolarizing_error(0.1, 2),
        pauli_error([("XYZ", 0.25), ("IZI", 0.75)]),
        thermal_relaxation_error(50, 30, 5, 0.2).expand(thermal_relaxation_error(50, 70, 5)),
        thermal_relaxation_error(50, 30, 5).tensor(reset_error(0.1, 0.2)),
        amplitude_damping_error(0.1)
        .expand(amplitude_damping_error(0.3))
        .compose(depolarizing_error(0.1, 2)),
        QuantumError(random_kraus(2, RNG)),
        QuantumError([([(CXGate(), [1, 0]), (SGate(), [1])], 0.3), (iSwapGate(), 0.7)]),
        QuantumError([(RXGate(0.3), 0.5), (HGate(), 0.5)]),
        QuantumError([([(random_kraus(1, RNG).to_instruction(), [2]), (HGate(), [0])], 1)]),
    ],
    ids=range(9),
)
def test_kraus_operators_of_an_error(error: QuantumError) -> None:
    kraus = error_kraus(error.to_dict())
    assert len(kraus) <= kraus.shape[-1] ** 2
    np.testing.assert_allclose(SuperOp(Kraus(list(kraus))).data, SuperOp(error).data, atol=1e-12)


def test_rare_events_are_kept() -> None:
    error = pauli_error([("X", 1e-14), ("I", 1 - 1e-14)])
    assert np.abs(error_kraus(error.to_dict())[:, 0, 1]).max() == pytest.approx(1e-7)


def test_pauli_lindblad_generator() -> None:
    expected = SuperOp(PauliLindbladError(["XZ"], [0.3]))
    assert SuperOp(Kraus(list(pauli_kraus("XZ", 0.3)))) == expected
    with pytest.raises(ValueError, match=r"rate must not be negative, got -0\.1 for XZ"):
        pauli_kraus("XZ", -0.1)


def test_what_an_imported_model_holds() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["x", "h"])
    model.add_quantum_error(depolarizing_error(0.1, 2), "cx", [2, 0])
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])
    model.add_readout_error([[0.7, 0.3], [0.4, 0.6]], [3])
    imported = NoiseModelImporter.import_noise_model(model)
    assert isinstance(imported, lret_dist.NoiseModel)
    assert set(imported.errors) == {("x", None), ("h", None), ("cx", (2, 0))}
    np.testing.assert_array_equal(imported.readout_for(0), [[0.9, 0.1], [0.2, 0.8]])
    np.testing.assert_array_equal(imported.readout_for(3), [[0.7, 0.3], [0.4, 0.6]])


def test_only_noise_models_of_aer() -> None:
    with pytest.raises(TypeError, match="expected a NoiseModel of Qiskit Aer, got dict"):
        NoiseModelImporter.import_noise_model({})


def test_errors_are_converted_when_they_are_used(backend: LRETBackend) -> None:
    model = NoiseModel()
    oracle = QuantumCircuit(1, name="oracle")
    oracle.x(0)
    opaque = QuantumError([(oracle.to_gate(), 1.0)])
    model.add_all_qubit_quantum_error(opaque, "h", warnings=False)
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "x")
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    with pytest.warns(UserWarning, match="noise on 'h' acts nowhere"):
        backend.run(circuit, noise_model=model).result()
    circuit.h(0)
    with pytest.raises(UnsupportedOperationError, match="noise made of operation 'oracle'"):
        backend.run(circuit, noise_model=model)


def test_wide_errors_are_refused() -> None:
    error = pauli_error([("X" * 7, 0.1), ("I" * 7, 0.9)])
    with pytest.raises(UnsupportedOperationError, match="acts on 7 qubits; at most 6"):
        error_kraus(error.to_dict())


def test_unknown_kinds_are_refused() -> None:
    class Newer(NoiseModel):
        def to_dict(self) -> dict:
            return {"errors": [{"type": "new", "operations": ["x"]}]}

    with pytest.raises(UnsupportedOperationError, match=r"errors\[0\]: .* or 'roerror', got 'new'"):
        NoiseModelImporter.import_noise_model(Newer())


def test_error_wider_than_its_instruction_is_refused(backend: LRETBackend) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), "mine")
    circuit = QuantumCircuit(1)
    circuit.append(HGate(label="mine"), [0])
    with pytest.raises(ValueError, match="acts on 2 qubits, the instruction on 1"):
        backend.run(circuit, noise_model=model)


def flip_model(probability: float = 1.0) -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(
        pauli_error([("X", probability), ("I", 1 - probability)]), "x"
    )
    return model


def test_import_is_cached() -> None:
    cache, model = ImportCache(), flip_model()
    assert cache.imported(model) is cache.imported(model)
    assert cache.imported(model) is not cache.imported(flip_model())


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.add_all_qubit_quantum_error(pauli_error([("X", 1)]), "x", warnings=False),
        lambda m: m.add_quantum_error(pauli_error([("X", 1)]), "x", [0], warnings=False),
        lambda m: m.add_all_qubit_readout_error([[0.5, 0.5], [0.5, 0.5]]),
        lambda m: m.add_readout_error(ReadoutError([[0.5, 0.5], [0.5, 0.5]]), [0]),
        lambda m: m.reset(),
    ],
)
def test_changed_model_is_imported_again(change) -> None:
    cache, model = ImportCache(), flip_model()
    before = cache.imported(model)
    change(model)
    assert cache.imported(model) is not before


def test_changed_model_changes_the_counts(backend: LRETBackend) -> None:
    model = flip_model()
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    assert backend.run(circuit, noise_model=model, shots=9).result().get_counts() == {"0": 9}
    model.add_all_qubit_quantum_error(pauli_error([("X", 1)]), "x", warnings=False)
    assert backend.run(circuit, noise_model=model, shots=9).result().get_counts() == {"1": 9}


def test_cache_keeps_no_model_alive() -> None:
    cache, model = ImportCache(), flip_model()
    imported, source = weakref.ref(cache.imported(model)), weakref.ref(model)
    del model
    gc.collect()
    assert source() is None
    assert imported() is None


def test_model_of_lret(backend: LRETBackend) -> None:
    model = lret_dist.NoiseModel().add_error([[[0, 1], [1, 0]]], "x")
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    assert backend.run(circuit, noise_model=model, shots=9).result().get_counts() == {"0": 9}
    default = LRETBackend(noise_model=model)
    assert default.run(circuit, shots=9).result().get_counts() == {"0": 9}


def test_relaxation_during_delays() -> None:
    model = NoiseModel()
    model._custom_noise_passes.append(RelaxationNoisePass([50e-6] * 2, [30e-6] * 2, 1e-9, Delay))
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.delay(20, 0, unit="us")
    circuit.delay(5000, 1)
    circuit.save_density_matrix()
    ours = LRETBackend(epsilon=0).run(circuit, noise_model=model, shots=0).result()
    simulator = AerSimulator(method="density_matrix")
    theirs = simulator.run(circuit, noise_model=model).result()
    np.testing.assert_allclose(
        ours.data(0)["density_matrix"].data, theirs.data(0)["density_matrix"].data, atol=1e-10
    )


def test_relaxation_during_delays_of_composites() -> None:
    model = NoiseModel()
    model._custom_noise_passes.append(RelaxationNoisePass([50e-6] * 2, [30e-6] * 2, 1e-9, Delay))
    inner = QuantumCircuit(1)
    inner.x(0)
    inner.delay(20, 0, unit="us")
    middle = QuantumCircuit(2)
    middle.append(inner.to_instruction(), [1])
    circuit = QuantumCircuit(2)
    circuit.append(middle.to_instruction(), [1, 0])
    circuit.save_density_matrix()
    flat = circuit.decompose().decompose()
    assert "delay" in flat.count_ops()
    backend = LRETBackend(epsilon=0, noise_model=model)
    whole, apart = (backend.run(c, shots=0).result().data(0) for c in (circuit, flat))
    np.testing.assert_allclose(
        whole["density_matrix"].data, apart["density_matrix"].data, atol=1e-12
    )
    assert whole["density_matrix"].data[0, 0].real > 0.1


def test_delay_on_a_qubit_that_the_device_lacks() -> None:
    model = NoiseModel()
    model._custom_noise_passes.append(RelaxationNoisePass([50e-6] * 2, [30e-6] * 2, 1e-9, Delay))
    circuit = QuantumCircuit(3, name="wide")
    circuit.delay(100, 2)
    with pytest.raises(ValueError, match="circuit 'wide' has a delay on a qubit that the device"):
        LRETBackend().run(circuit, noise_model=model)


@pytest.fixture(scope="module")
def torino():
    runtime = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    return runtime.FakeTorino()


@pytest.fixture(scope="module")
def device_model(torino) -> NoiseModel:
    return NoiseModel.from_backend(torino)


def test_model_of_a_device(backend: LRETBackend, torino, device_model: NoiseModel) -> None:
    circuit = QuantumCircuit(4)
    circuit.h(0)
    for qubit in range(3):
        circuit.cx(qubit, qubit + 1)
        circuit.x(qubit)
    on_device = transpile(circuit, torino, seed_transpiler=1, optimization_level=1)
    used = sorted({on_device.find_bit(q).index for found in on_device.data for q in found.qubits})
    on_device.save_density_matrix(used)
    ours = LRETBackend(epsilon=0, num_qubits=133).run(on_device, noise_model=device_model, shots=0)
    simulator = AerSimulator(method="density_matrix")
    theirs = simulator.run(on_device, noise_model=device_model, shots=1).result().data(0)
    # Aer leaves out branches with a probability below 1e-10; some hundred of them add up.
    np.testing.assert_allclose(
        ours.result().data(0)["density_matrix"].data, theirs["density_matrix"].data, atol=1e-9
    )


def test_a_model_is_imported_once() -> None:
    calls = []

    class Counted(NoiseModel):
        def to_dict(self, serializable: bool = False) -> dict:
            calls.append(self)
            return super().to_dict(serializable)

    model = Counted()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "x")
    backend = LRETBackend(noise_model=model)
    circuit = QuantumCircuit(1)
    circuit.x(0)
    for _ in range(3):
        backend.run(circuit).result()
    assert len(calls) == 1
    model.add_readout_error([[0.9, 0.1], [0.1, 0.9]], [0])
    for _ in range(3):
        backend.run(circuit).result()
    assert len(calls) == 2


def test_models_that_are_gone_are_forgotten() -> None:
    """Also one that a function of its own noise pass holds."""
    cache, model = ImportCache(), NoiseModel()
    for number in range(3):
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), f"g{number}")
        cache.imported(model)
    assert weakref.getweakrefcount(model) == 1
    held = NoiseModel()

    def of_its_own(instruction, qubits, model=held):
        return None if model.is_ideal() else XGate()

    own = LocalNoisePass(of_its_own, op_types=Delay)
    held._custom_noise_passes.append(own)
    cache.imported(held)
    gone = [weakref.ref(model), weakref.ref(held)]
    del model, held, own, of_its_own
    others = [NoiseModel() for _ in range(16)]
    for other in others:
        cache.imported(other)
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
