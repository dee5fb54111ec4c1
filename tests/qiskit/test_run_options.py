import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, Statevector
from qiskit_aer.noise import NoiseModel, pauli_error

from lret_qiskit import LRETBackend


@pytest.fixture
def coin() -> QuantumCircuit:
    circuit = QuantumCircuit(4, 4, name="coin")
    circuit.h(range(4))
    circuit.measure(range(4), range(4))
    return circuit


def counts(backend: LRETBackend, circuit: QuantumCircuit, **options) -> dict[str, int]:
    return backend.run(circuit, **options).result().get_counts()


def test_shots(backend: LRETBackend, coin: QuantumCircuit) -> None:
    assert sum(counts(backend, coin).values()) == 1024
    assert sum(counts(backend, coin, shots=7).values()) == 7
    assert sum(counts(backend, coin, shots=np.int64(7)).values()) == 7
    assert sum(counts(backend, coin, shots=None).values()) == 1024


@pytest.mark.parametrize("name", ["seed_simulator", "seed"])
def test_seed_repeats_the_counts(backend: LRETBackend, coin: QuantumCircuit, name: str) -> None:
    assert counts(backend, coin, **{name: 5}) == counts(backend, coin, seed_simulator=5)
    assert counts(backend, coin, **{name: 5}) != counts(backend, coin, seed_simulator=6)
    assert counts(LRETBackend(**{name: 5}), coin) == counts(LRETBackend(), coin, **{name: 5})


def test_circuits_of_a_job_have_seeds_of_their_own(
    backend: LRETBackend, coin: QuantumCircuit
) -> None:
    result = backend.run([coin, coin, coin], seed_simulator=7).result()
    assert [found.seed_simulator for found in result.results] == [7, 7 + 2113, 7 + 2 * 2113]
    assert result.get_counts(2) == counts(backend, coin, seed_simulator=7 + 2 * 2113)


def test_largest_seed_goes_round(backend: LRETBackend, coin: QuantumCircuit) -> None:
    result = backend.run([coin, coin], seed_simulator=2**64 - 1).result()
    assert result.results[1].seed_simulator == 2112


def test_one_option_under_two_names(backend: LRETBackend, coin: QuantumCircuit) -> None:
    with pytest.raises(ValueError, match="two names of one option, got 1 and 2"):
        backend.run(coin, seed=1, seed_simulator=2)


def test_memory(backend: LRETBackend, coin: QuantumCircuit) -> None:
    result = backend.run(coin, shots=50, memory=True).result()
    memory = result.get_memory()
    assert len(memory) == 50
    assert result.get_counts() == {bits: memory.count(bits) for bits in set(memory)}
    assert "memory" not in backend.run(coin).result().data(0)


@pytest.mark.parametrize("make", [Statevector, DensityMatrix, np.asarray])
def test_initial_state(backend: LRETBackend, make) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.measure([0, 1], [0, 1])
    state = make(np.array([0, 0, 1, 0], dtype=complex))
    assert counts(backend, circuit, initial_state=state) == {"10": 1024}


def test_max_rank_and_epsilon_reach_the_simulator() -> None:
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    for qubit in range(3):
        circuit.append(_dephasing(), [qubit])
    circuit.save_density_matrix()
    with pytest.warns(UserWarning, match="max_rank"):
        result = LRETBackend(epsilon=1e-9, max_rank=2).run(circuit).result()
    assert result.results[0].metadata["final_rank"] <= 2
    assert result.results[0].metadata["truncation_error"] > 0.01
    with pytest.warns(UserWarning, match="max_rank"):
        LRETBackend().run(circuit, epsilon=1e-9, max_rank=2).result()


def _dephasing():
    from qiskit_aer.noise import phase_damping_error

    return phase_damping_error(0.5)


def test_precision(backend: LRETBackend, coin: QuantumCircuit) -> None:
    result = backend.run(coin, precision="single").result()
    assert result.results[0].metadata["precision"] == "single"


def test_metadata_holds_plain_types(backend: LRETBackend, coin: QuantumCircuit) -> None:
    metadata = backend.run(coin).result().results[0].metadata
    wanted = {
        "final_rank": int,
        "max_rank": int,
        "num_truncations": int,
        "truncation_error": float,
        "fidelity": float,
        "execution_time_seconds": float,
        "translation_time_seconds": float,
        "parallelization": str,
        "process_grid": tuple,
        "mpi_ranks": int,
        "threads_per_rank": int,
        "peak_memory_mb": float,
    }
    assert {name: type(metadata[name]) for name in wanted} == wanted
    assert metadata["translation_time_seconds"] > 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shots": -1}, ValueError, "shots must be at least 0, got -1"),
        ({"shots": 2.5}, TypeError, "shots must be an integer, got 2.5"),
        ({"shots": True}, TypeError, "shots must be an integer, got True"),
        ({"seed_simulator": -3}, ValueError, "seed must be from 0"),
        ({"seed": "a"}, TypeError, "seed must be an integer"),
        ({"epsilon": 1.0}, ValueError, "epsilon must be at least 0 and less than 1"),
        ({"epsilon": float("nan")}, ValueError, "epsilon"),
        ({"max_rank": 0}, ValueError, "max_rank must be at least 1, got 0"),
        ({"initial_rank": 0}, ValueError, "initial_rank must be at least 1"),
        ({"precision": "half"}, ValueError, "precision must be one of auto, double, single"),
        ({"parallelization": "both"}, ValueError, "parallelization must be one of auto, row"),
        ({"memory": 1}, TypeError, "memory must be True or False, got 1"),
        ({"noise_model": "noisy"}, TypeError, "noise_model must be a NoiseModel of Qiskit Aer or"),
        ({"initial_state": [1, 0]}, ValueError, "initial_state"),
        ({"initial_state": [float("nan")] * 16}, ValueError, "initial_state must be finite"),
    ],
)
def test_wrong_values(backend: LRETBackend, coin, options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        backend.run(coin, **options)


def test_wrong_defaults() -> None:
    with pytest.raises(ValueError, match="epsilon must be"):
        LRETBackend(epsilon=2)
    with pytest.raises(AttributeError, match="epsilom"):
        LRETBackend(epsilom=0.1)


def test_set_options_checks_and_keeps_what_was() -> None:
    backend = LRETBackend()
    with pytest.raises(ValueError, match="shots must be"):
        backend.set_options(shots=-1)
    assert backend.options.shots == 1024
    with pytest.raises(AttributeError, match="shoots"):
        backend.set_options(shoots=1)
    backend.set_options(shots=5, seed=9)
    assert (backend.options.shots, backend.options.seed_simulator) == (5, 9)
    backend.set_options(shots=None, seed_simulator=None)
    assert (backend.options.shots, backend.options.seed_simulator) == (1024, None)
    assert LRETBackend(shots=None).options.shots == 1024


def test_unknown_options_warn(backend: LRETBackend, coin: QuantumCircuit) -> None:
    with pytest.warns(UserWarning, match="'shot' is ignored; did you mean 'shots'?") as caught:
        backend.run(coin, shot=3)
    assert caught[0].filename == __file__
    with pytest.warns(
        UserWarning,
        match="'blub' is ignored; options: basis_gates, checkpoint, checkpoint_interval",
    ):
        backend.run(coin, blub=3)
    with pytest.warns(UserWarning, match="options 'blub', 'parameterizations' are ign") as caught:
        backend.run(coin, blub=True, parameterizations=[])
    assert len(caught) == 1


def test_a_fresh_seed_repeats_the_whole_job(backend: LRETBackend, coin: QuantumCircuit) -> None:
    """As in Qiskit Aer: it is told with the first circuit, and the others count on from it."""
    first = backend.run([coin, coin]).result()
    seed = first.results[0].seed_simulator
    assert first.results[1].seed_simulator == seed + 2113
    again = backend.run([coin, coin], seed_simulator=seed).result()
    assert again.get_counts() == first.get_counts()
    assert seed != backend.run(coin).result().results[0].seed_simulator


def test_checked_when_set_directly() -> None:
    """Qiskit's own validators know the options that have a list or a range of values."""
    options = LRETBackend().options
    for wrong in ({"method": "x"}, {"precision": "half"}, {"shots": -1}, {"epsilon": 2}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            options.update_options(**wrong)


def test_none_takes_back_noise_limit_and_state() -> None:
    """As in Qiskit Aer; where None has no meaning of its own it is the backend's default."""
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(pauli_error([("X", 1)]), "x")
    backend = LRETBackend(noise_model=noise, initial_state=[1, 0], max_rank=1, shots=10)
    assert counts(backend, circuit) == {"0": 10}
    assert counts(backend, circuit, noise_model=None) == {"1": 10}
    assert counts(backend, circuit, initial_state=None, max_rank=None, shots=None) == {"0": 10}
    flipped = LRETBackend(initial_state=[0, 1], shots=10)
    assert counts(flipped, circuit) == {"0": 10}
    assert counts(flipped, circuit, initial_state=None) == {"1": 10}
