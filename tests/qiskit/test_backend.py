import copy
import pickle
import re
from importlib.metadata import version

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.exceptions import QiskitError
from qiskit.primitives import BackendSamplerV2
from qiskit_aer.noise import NoiseModel, depolarizing_error

import lret_dist
from lret_qiskit import LRETBackend


def test_num_qubits_is_an_argument() -> None:
    assert LRETBackend(num_qubits=40).num_qubits == 40
    assert LRETBackend().num_qubits == 28


def test_a_job_may_have_any_number_of_circuits(bell: QuantumCircuit) -> None:
    backend = LRETBackend()
    assert backend.max_circuits is None
    assert len(backend.run([bell] * 301, shots=1).result().results) == 301


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


def test_qubits_that_nothing_depends_on_do_not_count() -> None:
    """As in a circuit that is scheduled for a device: every qubit of it waits."""
    backend = LRETBackend(num_qubits=3)
    circuit = QuantumCircuit(40, 2)
    circuit.h(0)
    circuit.cx(0, 30)
    circuit.cx(30, 39)
    for qubit in range(40):
        circuit.delay(100, qubit)
    circuit.barrier()
    circuit.measure([0, 39], [0, 1])
    circuit.reset(5)
    result = backend.run(circuit, shots=100, seed_simulator=1).result()
    assert set(result.get_counts()) == {"00", "11"}
    assert result.results[0].metadata["active_input_qubits"] == [0, 30, 39]
    circuit.save_probabilities([5])
    with pytest.raises(ValueError, match="uses 4 qubits, the backend has 3"):
        backend.run(circuit)
    with circuit.if_test((0, 1)):
        circuit.x(39)
    with pytest.raises(ValueError, match="uses 40 qubits, the backend has 3"):
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
            {"blub": "x"},
            AttributeError,
            "no option 'blub'; options: basis_gates, checkpoint, checkpoint_interval, coupling_map",
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
    circuit = QuantumCircuit(60)
    circuit.h(range(60))
    circuit.measure_all()
    with pytest.raises(lret_dist.InsufficientMemoryError) as caught:
        LRETBackend(num_qubits=60).run(circuit)
    assert caught.value.__notes__ == [f"in circuit {circuit.name!r}"]


def test_circuits_that_are_too_large_fail_alone(bell: QuantumCircuit) -> None:
    """As in Qiskit Aer, which lets the job's other circuits run too."""
    wide, huge = QuantumCircuit(61, name="wide"), QuantumCircuit(60, name="huge")
    wide.h(range(61))
    huge.h(range(60))
    huge.measure_all()
    with pytest.warns(UserWarning, match="2 of 4 circuits failed; first circuit 'wide': "):
        result = LRETBackend(num_qubits=60).run([wide, bell, huge, bell], shots=9).result()
    assert [each.success for each in result.results] == [False, True, False, True]
    assert [each.header["name"] for each in result.results] == ["wide", "bell", "huge", "bell"]
    assert (result.status, result.success) == ("PARTIAL COMPLETED", False)
    assert [sum(result.get_counts(i).values()) for i in (1, 3)] == [9, 9]
    with pytest.raises(QiskitError, match="uses 61 qubits, the backend has 60"):
        result.get_counts(0)
    with pytest.raises(QiskitError, match="60 qubits need at least"):
        result.get_counts("huge")


@pytest.mark.filterwarnings("ignore:1 of 2 circuits failed")
def test_qiskits_sampler_does_not_take_a_failure_for_zeros(bell: QuantumCircuit) -> None:
    wide = QuantumCircuit(40)
    wide.x(range(40))
    wide.measure_all()
    with pytest.raises((ValueError, QiskitError)):
        BackendSamplerV2(backend=LRETBackend()).run([wide, bell], shots=7).result()


def test_what_older_tools_ask_for() -> None:
    backend = LRETBackend(coupling_map=[[0, 1], [1, 2]], basis_gates=["cx", "rz", "sx"])
    assert "density_matrix" in backend.available_methods()
    assert backend.available_devices() == ("CPU",)
    assert backend.properties() is None
    configuration = backend.configuration()
    assert configuration.simulator
    assert configuration.backend_name == backend.name
    assert configuration.n_qubits == 3
    assert configuration.coupling_map == [(0, 1), (1, 2)]
    assert {"cx", "rz", "sx", "save_density_matrix", "if_else"} <= set(configuration.basis_gates)
    assert "save_density_matrix" in configuration.custom_instructions
    assert "cx" not in configuration.custom_instructions
    backend = LRETBackend()
    backend.set_max_qubits(3)
    assert backend.num_qubits == 3
    with pytest.raises(ValueError, match="max_qubits must be at least 1, got 0"):
        backend.set_max_qubits(0)


def test_options_one_by_one_and_all_back() -> None:
    backend = LRETBackend(noise_model=NoiseModel())
    backend.set_option("shots", 5)
    assert backend.options.shots == 5
    with pytest.raises(AttributeError, match="shoots"):
        backend.set_option("shoots", 5)
    backend.clear_options()
    assert (backend.options.shots, backend.options.noise_model) == (1024, None)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))]
)
def test_copies_have_options_of_their_own(bell: QuantumCircuit, copied) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.9, 2), "cx")
    backend = LRETBackend(name="mine", noise_model=model, seed_simulator=3, shots=50)
    other = copied(backend)
    assert (other.name, other.num_qubits) == ("mine", 28)
    wanted, found = (each.run(bell).result().get_counts() for each in (backend, other))
    assert found == wanted
    assert not set(found) <= {"00", "11"}
    other.set_options(shots=7)
    assert (backend.options.shots, other.options.shots) == (50, 7)


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
    mine, machine = backend.plan(circuit), backend.session.machine
    assert (mine.mpi_ranks, mine.threads_per_rank) == (machine.mpi_ranks, machine.threads)
    assert mine.memory_per_rank == machine.bytes_per_rank
    assert backend.plan(circuit, mpi_ranks=2, noise_model=None).prediction.rank == 1
    split = backend.plan(circuit, mpi_ranks=4, memory_per_rank="1GiB", parallelization="column")
    assert (split.grid.rows, split.grid.columns) == (1, 4)
    with pytest.raises(TypeError, match="expected a QuantumCircuit, got list"):
        backend.plan([circuit], mpi_ranks=4)
    # MPI ranks that need not be there are not started either.
    copied = pickle.loads(pickle.dumps(backend))
    copied.plan(circuit, mpi_ranks=4)
    assert copied._session is None


def test_a_circuit_that_is_too_large_is_not_told_of_its_noise() -> None:
    model = lret_dist.NoiseModel().add_error([[[0, 1], [1, 0]]], "x")
    circuit = QuantumCircuit(3)
    circuit.x([0, 1, 2])
    with pytest.raises(ValueError, match="uses 3 qubits, the backend has 2"):
        LRETBackend(noise_model=model, num_qubits=2).run(circuit)
