import re
from importlib.metadata import version

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import DiagonalGate, PauliGate, UnitaryGate
from qiskit.quantum_info import Kraus, SparsePauliOp, random_unitary
from qiskit_aer.noise import NoiseModel, depolarizing_error

import lret_dist
from lret_qiskit import LRETBackend, NoiseModelImporter
from lret_qiskit.backends.target import build_target


def test_target() -> None:
    target = build_target(28)
    assert target.num_qubits == 28
    # One entry for all qubits: entries for each pair of them would take seconds to make.
    assert len(target.instructions) == len(target.operation_names)
    assert {"cx", "u3", "measure", "reset", "delay", "unitary", "kraus"} <= target.operation_names


def test_num_qubits_is_an_argument() -> None:
    assert LRETBackend(num_qubits=40).num_qubits == 40
    assert LRETBackend().num_qubits == 28


def test_noise_model_sets_the_basis() -> None:
    model = NoiseModel(basis_gates=["rz", "sx", "cz"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "sx")
    backend = LRETBackend(noise_model=model)
    assert {"rz", "sx", "cz", "measure", "reset"} <= set(backend.operation_names)
    assert not {"h", "cx", "unitary"} & set(backend.operation_names)
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    assert set(transpile(circuit, backend).count_ops()) <= {"rz", "sx", "cz"}
    backend.set_options(noise_model=NoiseModelImporter.import_noise_model(model))
    assert "h" not in backend.operation_names
    backend.set_options(noise_model=lret_dist.NoiseModel())
    assert "h" in backend.operation_names


@pytest.mark.parametrize("level", range(4))
def test_transpile_keeps_channels_and_saves(level: int) -> None:
    circuit = QuantumCircuit(3, 1)
    circuit.append(UnitaryGate(random_unitary(4, seed=1)), [0, 1])
    circuit.append(PauliGate("XYZ"), [0, 1, 2])
    circuit.append(DiagonalGate([1, -1, 1j, 1]), [0, 2])
    circuit.append(Kraus([np.eye(2) * 0.6, np.diag([0.8, -0.8])]), [2])
    circuit.append(depolarizing_error(0.1, 2), [1, 2])
    circuit.reset(1)
    circuit.delay(10, 1)
    circuit.save_density_matrix()
    circuit.save_probabilities([0])
    circuit.save_expectation_value(SparsePauliOp(["ZZ"]), [0, 2])
    circuit.measure(0, 0)
    backend = LRETBackend(epsilon=0)
    kept = transpile(circuit, backend, optimization_level=level)
    assert {"kraus", "quantum_channel", "save_density_matrix", "save_probabilities"} <= set(
        kept.count_ops()
    )
    one, other = (backend.run(c, shots=1).result().data(0) for c in (circuit, kept))
    assert {"expectation_value", "density_matrix", "probabilities"} < one.keys()
    for key in one.keys() - {"counts"}:
        np.testing.assert_allclose(np.asarray(one[key]), np.asarray(other[key]), atol=1e-10)


def test_max_circuits(bell: QuantumCircuit) -> None:
    backend = LRETBackend()
    assert backend.max_circuits == 300
    with pytest.raises(ValueError, match="at most 300 circuits, got 301"):
        backend.run([bell] * 301)


def test_repr() -> None:
    assert repr(LRETBackend()) == "LRETBackend('lret_simulator', num_qubits=28, epsilon=0.0001)"


def test_version_is_the_package_version() -> None:
    assert LRETBackend().backend_version == lret_dist.__version__ == version("lret-dist")


@pytest.mark.parametrize("wrong", [5, "circuit", None])
def test_what_is_no_circuit(backend: LRETBackend, wrong) -> None:
    with pytest.raises(TypeError, match="expected a QuantumCircuit or several, got "):
        backend.run(wrong)
    with pytest.raises(TypeError, match="expected a QuantumCircuit, got "):
        backend.run([wrong])


def test_no_circuits(backend: LRETBackend) -> None:
    with pytest.raises(ValueError, match="there is no circuit to run"):
        backend.run([])


def test_circuit_wider_than_the_backend() -> None:
    backend = LRETBackend(num_qubits=2)
    circuit = QuantumCircuit(40)
    circuit.x([7, 39])
    assert backend.run(circuit, shots=1).result().success
    circuit.x(20)
    with pytest.raises(ValueError, match=r"uses 3 qubits, the backend has 2; LRETBackend\(num_q"):
        backend.run(circuit)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"provider": "lret_simulator_fast"}, TypeError, "given as name="),
        ({"name": 3}, TypeError, "given as name="),
        ({"num_qubits": "a"}, TypeError, "num_qubits must be an integer, got 'a'"),
        ({"num_qubits": 2.5}, TypeError, "num_qubits must be an integer, got 2.5"),
        ({"num_qubits": 0}, ValueError, "num_qubits must be at least 1, got 0"),
        ({"epsilom": 0.1}, AttributeError, "no option 'epsilom'; did you mean 'epsilon'?"),
        (
            {"device": "x"},
            AttributeError,
            "no option 'device'; options: checkpoint, checkpoint_interval, epsilon",
        ),
    ],
)
def test_wrong_arguments(arguments, error, message) -> None:
    with pytest.raises(error, match=re.escape(message)):
        LRETBackend(**arguments)


def test_more_shots_than_memory_are_refused_at_once(bell: QuantumCircuit) -> None:
    with pytest.raises(lret_dist.InsufficientMemoryError, match="fewer shots"):
        LRETBackend().run(bell, shots=10**30)


def test_circuit_that_cannot_fit_is_refused_at_once() -> None:
    circuit = QuantumCircuit(60, 1)
    circuit.h(range(60))
    circuit.measure(0, 0)
    with pytest.raises(lret_dist.InsufficientMemoryError) as caught:
        LRETBackend(num_qubits=60).run(circuit)
    assert caught.value.__notes__ == [f"in circuit {circuit.name!r}"]


def test_idle_qubits_cost_nothing(backend: LRETBackend, bell: QuantumCircuit) -> None:
    wide = transpile(bell, backend, initial_layout=[27, 3])
    assert wide.num_qubits == 28
    result = backend.run(wide, shots=100).result()
    assert set(result.get_counts()) == {"00", "11"}
    assert result.results[0].metadata["num_qubits"] == 2


def test_empty_circuits(backend: LRETBackend) -> None:
    result = backend.run([QuantumCircuit(), QuantumCircuit(2), QuantumCircuit(0, 2)]).result()
    assert result.success


def test_plan_names_the_grid_of_a_run() -> None:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), "cx")
    backend = LRETBackend(noise_model=model, epsilon=1e-3)
    here = backend.plan(circuit, mpi_ranks=1)
    metadata = backend.run(circuit).result().results[0].metadata
    assert (here.grid.rows, here.grid.columns) == tuple(metadata["process_grid"])
    # Qubit 2 is idle; the noise is there, unless an option says otherwise.
    assert here.num_qubits == metadata["num_qubits"]
    assert here.prediction.rank > 1
    assert backend.plan(circuit, mpi_ranks=2, noise_model=None).prediction.rank == 1
    split = backend.plan(circuit, mpi_ranks=4, memory_per_rank="1GiB", parallelization="column")
    assert (split.grid.rows, split.grid.columns) == (1, 4)
    with pytest.raises(TypeError, match="expected a QuantumCircuit, got list"):
        backend.plan([circuit], mpi_ranks=4)
