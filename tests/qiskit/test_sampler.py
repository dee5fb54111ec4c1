"""The sampler against Qiskit's reference and the exact density matrix of Qiskit Aer."""

import contextlib
import pickle
import threading
import warnings

import numpy as np
import pytest
from aer_reference import aer_data
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Instruction, Parameter
from qiskit.circuit.library import real_amplitudes
from qiskit.primitives import BasePrimitiveJob, BaseSamplerV2, StatevectorSampler
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import JobError, JobStatus, JobTimeoutError
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from qiskit_version import needs_qiskit

from lret_dist import SimulationOptions, TruncationWarning
from lret_qiskit import LRETBackend, LRETSampler
from lret_qiskit.primitives.job import LRETPrimitiveJob
from lret_qiskit.primitives.sampler import _SamplerTask

SHOTS = 20_000


@pytest.fixture(scope="module")
def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["ry"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    model.add_all_qubit_readout_error(ReadoutError([[0.95, 0.05], [0.1, 0.9]]))
    return model


def ansatz(qubits: int = 3) -> QuantumCircuit:
    circuit = real_amplitudes(qubits, reps=1)
    circuit.measure_all()
    return circuit


def angles(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-np.pi, np.pi, shape)


def exact(circuit: QuantumCircuit, noise: NoiseModel) -> np.ndarray:
    """Probabilities of what is read off all qubits."""
    state = circuit.remove_final_measurements(inplace=False)
    state.save_probabilities()
    probabilities = aer_data(state, noise)["probabilities"]
    matrix = np.eye(1)
    for _ in range(circuit.num_qubits):
        matrix = np.kron([[0.95, 0.05], [0.1, 0.9]], matrix)
    return probabilities @ matrix


def assert_counts(counts: dict[int, int], probabilities: np.ndarray) -> None:
    shots = sum(counts.values())
    expected = shots * probabilities
    got = np.array([counts.get(value, 0) for value in range(len(probabilities))])
    assert (np.abs(got - expected) <= 6 * np.sqrt(expected * (1 - probabilities)) + 1).all()


def test_noisy_counts_of_all_parameter_sets(noise: NoiseModel) -> None:
    circuit = ansatz()
    values = angles(2, 6, circuit.num_parameters)
    sampler = LRETSampler(noise_model=noise, seed=3)
    assert isinstance(sampler, BaseSamplerV2)
    data = sampler.run([(circuit, values)], shots=SHOTS).result()[0].data
    assert data.meas.shape == data.shape == (2, 6)
    for place in np.ndindex(2, 6):
        probabilities = exact(circuit.assign_parameters(values[place]), noise)
        assert_counts(data.meas[place].get_int_counts(), probabilities)


def registers() -> list[QuantumCircuit]:
    """Circuits with certain outcomes in registers of all kinds."""
    a, b, c = ClassicalRegister(3, "a"), ClassicalRegister(9, "b"), ClassicalRegister(2, "c")
    several = QuantumCircuit(QuantumRegister(12), a, b, c)
    several.x([0, 2, 3, 11])
    several.measure(range(12), [5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 10, 11])
    reverse = QuantumCircuit(3, 3)
    reverse.x(0)
    reverse.measure([0, 1, 2], [2, 1, 0])
    empty = QuantumCircuit(
        QuantumRegister(1), ClassicalRegister(0, "none"), ClassicalRegister(1, "d")
    )
    empty.x(0)
    empty.measure(0, 0)
    shared = QuantumCircuit(QuantumRegister(4), a)
    shared.add_register(ClassicalRegister(name="other", bits=[a[2], a[0]]))
    shared.x(1)
    shared.measure([1, 0, 1], [2, 1, 0])
    twice = QuantumCircuit(2, 2)
    twice.x(0)
    twice.measure([0, 1], [1, 1])
    nothing = QuantumCircuit(2, 2)
    nothing.h(0)
    return [several, reverse, empty, shared, twice, nothing]


def test_registers_hold_what_the_reference_says() -> None:
    mine = LRETSampler(default_shots=7).run(registers()).result()
    reference = StatevectorSampler(default_shots=7).run(registers()).result()
    for one, other in zip(mine, reference, strict=True):
        assert list(one.data) == list(other.data)
        for name in one.data:
            assert one.data[name].num_bits == other.data[name].num_bits
            np.testing.assert_array_equal(one.data[name].array, other.data[name].array)


def test_measurements_on_the_way() -> None:
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    circuit.reset(0)
    circuit.measure([0, 1], [1, 2])
    counts = LRETSampler(seed=1).run([circuit]).result()[0].data.c.get_counts()
    assert counts.keys() == {"000", "101"}
    assert_counts({0: counts["000"], 1: counts["101"]}, np.array([0.5, 0.5]))


def test_outcomes_that_decide_what_is_done() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.ry(Parameter("t"), 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    values = np.linspace(0, np.pi, 11)[:, None]
    data = LRETSampler(seed=1).run([(circuit, values)], shots=2000).result()[0].data
    for number, (angle,) in enumerate(values):
        assert data.c.get_counts(number).keys() <= {"00", "11"}
        excited = np.sin(angle / 2) ** 2
        counts = data.c.get_int_counts(number)
        assert_counts(counts, np.array([1 - excited, 0, 0, excited]))


def test_shots_of_every_pub(bell: QuantumCircuit) -> None:
    pubs = [bell, (bell, None, 30), SamplerPub(bell, shots=50)]
    sampler = LRETSampler(default_shots=20)
    assert [each.data.meas.num_shots for each in sampler.run(pubs).result()] == [20, 30, 50]
    result = sampler.run(iter(pubs), shots=70).result()
    assert [each.data.meas.num_shots for each in result] == [70, 30, 50]
    assert [each.metadata["shots"] for each in result] == [70, 30, 50]
    with pytest.raises(ValueError, match="shots must be positive"):
        sampler.run([bell], shots=0)
    with pytest.raises(ValueError, match="wrap it"):
        sampler.run(bell)


def test_metadata(bell: QuantumCircuit, noise: NoiseModel) -> None:
    bell.metadata = {"experiment": 4}
    result = LRETSampler(noise_model=noise).run([(ansatz(), angles(2, 3, 6)), bell]).result()
    assert result.metadata == {"version": 2}
    assert result[1].metadata["circuit_metadata"] == {"experiment": 4}
    runs = result[0].metadata["simulator_metadata"]
    assert runs["final_rank"].shape == runs["truncation_error"].shape == (2, 3)
    assert (runs["truncation_error"] <= 1e-4).all()
    assert runs["truncation"] == ["certified"]
    assert np.isnan(runs["standard_error"]).all()
    assert runs["execution_time_seconds"] > 0
    assert len(set(runs["seed"].ravel())) == 6


def bits(sampler: LRETSampler, circuit: QuantumCircuit) -> bytes:
    values = angles(2, circuit.num_parameters)
    return sampler.run([(circuit, values)]).result()[0].data.meas.array.tobytes()


def test_seeds() -> None:
    circuit = ansatz()
    first = bits(LRETSampler(seed=7), circuit)
    assert bits(LRETSampler(seed=7), circuit) == first
    assert bits(LRETSampler(options={"run_options": {"seed_simulator": 7}}), circuit) == first
    assert bits(LRETSampler(LRETBackend(seed_simulator=7)), circuit) == first
    assert bits(LRETSampler(LRETBackend(seed_simulator=1), seed=7), circuit) == first
    overruled = LRETSampler(seed=7, options={"run_options": {"seed": 1}})
    assert bits(overruled, circuit) == first
    assert bits(LRETSampler(seed=8), circuit) != first
    assert bits(LRETSampler(), circuit) != bits(LRETSampler(), circuit)
    drawing = LRETSampler(seed=np.random.default_rng(1))
    one, other = bits(drawing, circuit), bits(drawing, circuit)
    assert one != other
    assert bits(LRETSampler(seed=np.random.default_rng(1)), circuit) == one


def test_more_parameter_sets_than_a_batch_holds() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("t"), 0)
    circuit.measure(0, 0)
    values = np.pi * (np.arange(620) % 3 == 1)
    pubs = [(circuit, values[:10, None]), (circuit, values[10:, None])]
    result = LRETSampler(default_shots=2).run(pubs).result()
    outcomes = np.concatenate([each.data.c.array[:, 0, 0] for each in result])
    np.testing.assert_array_equal(outcomes, np.arange(620) % 3 == 1)
    seeds = [each.metadata["simulator_metadata"]["seed"] for each in result]
    assert len(set(np.concatenate(seeds))) == 620


def test_no_parameter_sets_and_no_pubs() -> None:
    circuit = ansatz()
    result = LRETSampler().run([(circuit, np.zeros((0, circuit.num_parameters)))]).result()
    assert result[0].data.meas.shape == (0,)
    assert len(LRETSampler().run([]).result()) == 0


def test_circuit_without_classical_registers() -> None:
    with pytest.warns(UserWarning, match="PUB 0 .* has no classical register"):
        job = LRETSampler().run([QuantumCircuit(2)])
    assert len(job.result()[0].data) == 0


@pytest.mark.parametrize(
    "made",
    [
        lambda noise: LRETSampler(LRETBackend(noise_model=noise)),
        lambda noise: LRETSampler.from_backend(
            AerSimulator(noise_model=noise), default_shots=SHOTS
        ),
        lambda noise: LRETSampler(options={"backend_options": {"noise_model": noise}}),
        lambda noise: LRETSampler(LRETBackend(), options={"run_options": {"noise_model": noise}}),
        lambda noise: LRETSampler(
            LRETBackend(), options={"backend_options": {"noise_model": noise}}
        ),
    ],
)
def test_ways_to_give_noise(made, noise: NoiseModel) -> None:
    circuit = ansatz().assign_parameters(angles(6))
    data = made(noise).run([circuit], shots=SHOTS).result()[0].data
    assert_counts(data.meas.get_int_counts(), exact(circuit, noise))


def test_device_as_the_backend() -> None:
    device = GenericBackendV2(num_qubits=5, noise_info=True, seed=1)
    sampler = LRETSampler.from_backend(device, default_shots=10, seed=2)
    assert sampler.backend.options.noise_model is not None
    assert (sampler.default_shots, sampler.seed) == (10, 2)
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.measure_all()
    with warnings.catch_warnings(action="ignore"):
        assert sampler.run([circuit]).result()[0].data.meas.num_shots == 10
    with pytest.raises(TypeError, match="backend must be a BackendV2, got str"):
        LRETSampler.from_backend("lret_simulator")
    with pytest.raises(TypeError, match="backend must be an LRETBackend"):
        LRETSampler("lret_simulator")


def test_options(bell: QuantumCircuit) -> None:
    sampler = LRETSampler(options={"default_shots": 5, "seed_simulator": 4}, epsilon=1e-3)
    assert (sampler.default_shots, sampler.seed) == (5, 4)
    assert sampler.options.run_options == {"epsilon": 1e-3}
    sampler.options.default_shots = 6
    assert sampler.run([bell]).result()[0].data.meas.num_shots == 6
    assert LRETSampler().default_shots == 1024
    assert LRETSampler().seed is None
    with pytest.raises(TypeError, match=r"options of a primitive are .*, got 'shotz'"):
        LRETSampler(options={"shotz": 3})
    with pytest.raises(ValueError, match="epsilon must be"):
        LRETSampler(epsilon=2)
    with pytest.raises(TypeError, match="shots is no option here; default_shots sets"):
        LRETSampler(shots=100)
    with pytest.raises(TypeError, match="no option 'epsilonn'; did you mean 'epsilon'"):
        LRETSampler(epsilonn=0.1)
    with pytest.raises(TypeError, match="no option 'default_shot'; did you mean 'default_shots'"):
        LRETSampler(default_shot=10)


def test_errors_name_the_pub(bell: QuantumCircuit) -> None:
    mystery = QuantumCircuit(1, 1, name="mystery")
    mystery.append(Instruction("riddle", 1, 0, []), [0])
    with pytest.raises(ValueError, match=r"PUB 1 \('mystery'\): .*'riddle' is not supported"):
        LRETSampler().run([bell, mystery])
    with pytest.raises(ValueError, match="PUB 0: Length of"):
        LRETSampler().run([(ansatz(), [1.0])])
    wide = QuantumCircuit(40)
    wide.h(range(40))
    wide.measure_all()
    with pytest.raises(ValueError, match=r"PUB 0 .* uses 40 qubits, the backend has 28"):
        LRETSampler().run([wide])
    job = LRETSampler(LRETBackend(num_qubits=40)).run([bell, wide])
    with pytest.raises(JobError, match="PUB 1"):
        job.result()
    assert job.status() is JobStatus.ERROR


def test_value_that_is_not_finite() -> None:
    circuit = ansatz()
    values = np.zeros((2, 3, circuit.num_parameters))
    values[1, 0, 4] = np.nan
    with pytest.raises(ValueError, match=r"PUB 0 .*got nan for 'θ\[4\]' in parameter set \(1, 0\)"):
        LRETSampler().run([(circuit, values)])


def test_parameter_set_that_fails_later() -> None:
    angle = Parameter("t")
    circuit = QuantumCircuit(1, 1)
    circuit.rx(1 / angle, 0)
    circuit.measure(0, 0)
    values = np.linspace(1, 0, 320)[:, None]
    job = LRETSampler().run([(circuit, values)])
    with pytest.raises(JobError, match="PUB 0"):
        job.result()
    assert job.status() is JobStatus.ERROR


def test_noise_that_acts_nowhere_is_told(noise: NoiseModel) -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("t"), 0)
    circuit.measure_all()
    with pytest.warns(UserWarning, match="noise on 'cx', 'ry' acts nowhere"):
        LRETSampler(noise_model=noise).run([(circuit, np.zeros((12, 1)))]).result()


def test_forced_truncation_is_told(noise: NoiseModel) -> None:
    job = LRETSampler(noise_model=noise, max_rank=2, epsilon=0).run([(ansatz(), angles(6))])
    with pytest.warns(TruncationWarning, match=r"PUB 0 .*max_rank = 2"):
        job.result()
    job.result()


def test_job(bell: QuantumCircuit) -> None:
    job = LRETSampler(seed=1).run([bell])
    assert isinstance(job, BasePrimitiveJob)
    job.result(timeout=60)
    assert job.status() is JobStatus.DONE
    assert job.done()
    assert job.in_final_state()
    assert not job.running()
    assert not job.cancelled()
    assert not job.cancel()


@needs_qiskit(1, "cannot unpickle a DataBin")
def test_pickled_job(bell: QuantumCircuit) -> None:
    job = LRETSampler(seed=1, progress=lambda _: None).run([bell])
    counts = job.result(timeout=60)[0].data.meas.get_counts()
    copy = pickle.loads(pickle.dumps(job))
    assert (copy.job_id(), copy.status()) == (job.job_id(), JobStatus.DONE)
    assert copy.result()[0].data.meas.get_counts() == counts


def test_cancelled_job(noise: NoiseModel) -> None:
    circuit = ansatz(8)
    job = LRETSampler(noise_model=noise).run([(circuit, angles(900, circuit.num_parameters))])
    with pytest.raises(JobTimeoutError, match="did not end within"):
        job.result(timeout=0.01)
    assert job.cancel()
    with pytest.raises(JobError, match="was cancelled"):
        job.result(timeout=60)
    assert job.cancelled()
    assert job.status() is JobStatus.CANCELLED


class Waiting(_SamplerTask):
    """A PUB that waits when its last run is taken, or before its result is made."""

    def __init__(self, circuit: QuantumCircuit, waits_in: str) -> None:
        pub = SamplerPub.coerce(circuit, 10)
        super().__init__("PUB 0", pub, None, SimulationOptions(seed=1))
        self._waits_in = waits_in
        self.reached, self.go_on = threading.Event(), threading.Event()

    def _put(self, number, result) -> None:
        super()._put(number, result)
        self._wait("last run")

    def result(self):
        self._wait("result")
        return super().result()

    def _wait(self, place: str) -> None:
        if place == self._waits_in:
            self.reached.set()
            assert self.go_on.wait(60)


@pytest.mark.parametrize(
    ("waits_in", "status"), [("last run", JobStatus.CANCELLED), ("result", JobStatus.DONE)]
)
def test_cancelled_at_the_end(
    backend: LRETBackend, bell: QuantumCircuit, waits_in: str, status: JobStatus
) -> None:
    """What ``cancel`` says holds, however late it is called."""
    task = Waiting(bell, waits_in)
    job = LRETPrimitiveJob(backend.session, [task])
    assert task.reached.wait(60)
    assert job.cancel() is (status is JobStatus.CANCELLED)
    task.go_on.set()
    with contextlib.suppress(JobError):
        job.result(timeout=60)
    assert job.status() is status
