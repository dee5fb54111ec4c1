"""The estimator against dense references and the exact density matrix of Qiskit Aer."""

import numpy as np
import pytest
from aer_reference import aer_data
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import efficient_su2, real_amplitudes
from qiskit.primitives import BaseEstimatorV2, StatevectorEstimator
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.providers import JobError
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import (
    DensityMatrix,
    Operator,
    Pauli,
    SparseObservable,
    SparsePauliOp,
    Statevector,
)
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error
from qiskit_aer.primitives import EstimatorV2
from qiskit_version import needs_qiskit
from scipy.optimize import minimize

import lret_dist
from lret_qiskit import LRETBackend, LRETEstimator
from lret_qiskit.primitives.observables import SavedSums, distinct_observables

_LETTERS = {
    "I": np.eye(2),
    **{letter: Pauli(letter).to_matrix() for letter in "XYZ"},
    **{letter: DensityMatrix.from_label(letter).data for letter in "01+-rl"},
}
#: The molecule H2 on two qubits; its least eigenvalue is -1.857275.
HYDROGEN = SparsePauliOp.from_list(
    [("II", -1.052373), ("IZ", 0.397937), ("ZI", -0.397937), ("ZZ", -0.01128), ("XX", 0.180931)]
)


@pytest.fixture(scope="module")
def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.02), ["ry"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.03, 2), ["cx"])
    return model


def state(qubits: int, seed: int = 1) -> QuantumCircuit:
    circuit = efficient_su2(qubits, reps=1)
    rng = np.random.default_rng(seed)
    return circuit.assign_parameters(rng.uniform(-np.pi, np.pi, circuit.num_parameters))


def dense(label: str) -> np.ndarray:
    matrix = np.eye(1)
    for letter in label:
        matrix = np.kron(matrix, _LETTERS[letter])
    return matrix


def exact(circuit: QuantumCircuit, noise: NoiseModel) -> np.ndarray:
    saved = circuit.copy()
    saved.save_density_matrix()
    return np.asarray(aer_data(saved, noise)["density_matrix"])


@pytest.mark.parametrize("label", ["XYZ", "0IX", "1+-", "rlI", "r0l", "---", "III"])
def test_letters_of_an_observable(label: str) -> None:
    circuit = state(3)
    result = LRETEstimator().run([(circuit, label)]).result()[0]
    expected = Statevector(circuit).expectation_value(Operator(dense(label))).real
    assert result.data.evs.shape == ()
    assert result.data.evs == pytest.approx(expected, abs=1e-9)
    assert result.data.stds == 0


@needs_qiskit(1, "takes no SparseObservable in a PUB")
def test_forms_of_an_observable() -> None:
    circuit = state(2)
    forms = [
        HYDROGEN,
        SparseObservable.from_sparse_pauli_op(HYDROGEN),
        dict(HYDROGEN.to_list()),
        {Pauli("XY"): 2.0, Pauli("-ZI"): 0.5},
        Pauli("-ZZ"),
        "YX",
        SparseObservable.from_list([("0+", 2.0), ("1+", 1.0), ("rX", -1.0)]),
    ]
    data = LRETEstimator().run([(circuit, forms)]).result()[0].data
    pure = Statevector(circuit)
    matrices = [
        *[HYDROGEN.to_matrix()] * 3,
        2 * dense("XY") - 0.5 * dense("ZI"),
        -dense("ZZ"),
        dense("YX"),
        2 * dense("0+") + dense("1+") - dense("rX"),
    ]
    expected = [pure.expectation_value(Operator(each)).real for each in matrices]
    np.testing.assert_allclose(data.evs, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("observables", "sets"),
    [((), ()), ((3,), ()), ((), (4,)), ((3, 1), (4,)), ((4,), (4,)), ((2, 1), (3, 1, 12))],
)
def test_broadcasting_with_noise(
    observables: tuple[int, ...], sets: tuple[int, ...], noise: NoiseModel
) -> None:
    circuit = real_amplitudes(3, reps=1)
    rng = np.random.default_rng(4)
    labels = ["XXI", "IZZ", "ZIX", "YYI", "III"]
    array = np.empty(observables, dtype=object)
    for place in np.ndindex(*observables):
        array[place] = SparsePauliOp(rng.choice(labels, 3, replace=False), rng.normal(size=3))
    pub = (circuit, array, rng.uniform(-3, 3, (*sets, circuit.num_parameters)))
    mine = LRETEstimator(noise_model=noise, epsilon=0).run([pub]).result()[0]
    options = {"method": "density_matrix", "noise_model": noise, "max_parallel_threads": 1}
    aer = EstimatorV2(options={"backend_options": options}).run([pub]).result()[0]
    assert mine.data.evs.shape == mine.data.shape == np.broadcast_shapes(observables, sets)
    np.testing.assert_allclose(mine.data.evs, aer.data.evs, atol=1e-9)
    np.testing.assert_array_equal(mine.data.stds, 0)
    runs = mine.metadata["simulator_metadata"]
    assert runs["final_rank"].shape == sets
    assert runs["error_bounds"].shape == mine.data.evs.shape


def test_strings_that_observables_share_are_saved_once() -> None:
    circuit = state(4)
    labels = [f"{a}{b}II" for a in "XYZ" for b in "XYZ"]
    sums = [SparsePauliOp(labels, np.random.default_rng(k).normal(size=9)) for k in range(5)]
    data = LRETEstimator().run([(circuit, [*sums, sums[0]])]).result()[0].data
    expected = [Statevector(circuit).expectation_value(each).real for each in sums]
    np.testing.assert_allclose(data.evs, [*expected, expected[0]], atol=1e-9)
    distinct, numbers = distinct_observables(ObservablesArray([*sums, sums[0]]))
    assert numbers.tolist() == [0, 1, 2, 3, 4, 0]
    assert len(SavedSums(distinct, shared=True).sums) == 9
    # One by one they would have no standard errors of the observables.
    assert len(SavedSums(distinct, shared=False).sums) == 5


def test_certified_bound_holds(noise: NoiseModel) -> None:
    circuit = state(5)
    observables = [SparsePauliOp(["ZZIII", "IXXII", "IIIII"], [2, -1, 7]), "IIZII", "11111"]
    estimator = LRETEstimator(noise_model=noise, epsilon=0.05, method="low_rank")
    result = estimator.run([(circuit, observables)]).result()[0]
    rho = exact(circuit, noise)
    matrices = [observables[0].to_matrix(), dense("IIZII"), dense("11111")]
    expected = np.array([np.trace(each @ rho).real for each in matrices])
    runs = result.metadata["simulator_metadata"]
    lost = runs["truncation_error"]
    assert 1e-3 < lost <= 0.05
    np.testing.assert_allclose(runs["error_bounds"], [6 * lost, 2 * lost, 31 / 16 * lost])
    assert (np.abs(result.data.evs - expected) <= runs["error_bounds"]).all()


def test_precision_of_a_small_circuit_is_met_exactly(noise: NoiseModel) -> None:
    estimator = LRETEstimator(noise_model=noise, epsilon=0.05, method="low_rank")
    result = estimator.run([(state(5), HYDROGEN ^ "ZZZ", None, 1e-3)]).result()[0]
    runs = result.metadata["simulator_metadata"]
    assert result.metadata["target_precision"] == 1e-3
    assert runs["truncation"] == ["certified"]
    assert 0 < runs["error_bounds"] <= 1e-3
    assert result.data.stds == 0


def test_sampled_within_the_precision(noise: NoiseModel) -> None:
    circuit = state(9)
    observables = [10 * SparsePauliOp(["Z" * 9, "XX" + 7 * "I"]), "Z" + 8 * "I", "I" * 9]
    estimator = LRETEstimator(noise_model=noise, seed=3)
    result = estimator.run([(circuit, observables)], precision=0.02).result()[0]
    runs = result.metadata["simulator_metadata"]
    assert runs["truncation"] == ["unbiased"]
    assert np.isnan(runs["error_bounds"]).all()
    assert (result.data.stds <= 1.3 * 0.02).all()
    assert result.data.stds[0] > result.data.stds[1] > result.data.stds[2] == 0
    certain = LRETEstimator(noise_model=noise, epsilon=1e-5).run([(circuit, observables)])
    expected = certain.result()[0].data.evs
    assert (np.abs(result.data.evs - expected) <= 5 * result.data.stds + 1e-3).all()
    again = estimator.run([(circuit, observables)], precision=0.02).result()[0]
    np.testing.assert_array_equal(again.data.evs, result.data.evs)


def test_sampled_where_it_is_asked_for(noise: NoiseModel) -> None:
    circuit = state(4)
    hamiltonian = SparsePauliOp(["ZZII", "IXXI", "IIYY"], [30, 20, -10])
    for options, precision in (
        ({"truncation": "unbiased"}, 0.1),
        ({"standard_error": 0.1}, 0),
        ({"truncation": "unbiased", "resolution": 0.01}, 0),
    ):
        estimator = LRETEstimator(noise_model=noise, seed=1, **options)
        result = estimator.run([(circuit, hamiltonian)], precision=precision).result()[0]
        assert result.metadata["simulator_metadata"]["truncation"] == ["unbiased"]
        expected = np.trace(hamiltonian.to_matrix() @ exact(circuit, noise)).real
        assert result.data.stds > 0
        assert abs(result.data.evs - expected) <= 5 * result.data.stds
        if "resolution" not in options:
            assert result.data.stds <= 0.13


def test_layout_of_a_large_device() -> None:
    """Qubits that nothing acts on are not simulated, even where an observable reads them."""
    circuit = state(3)
    device = GenericBackendV2(num_qubits=60, noise_info=False, seed=2)
    compiled = transpile(circuit, device, optimization_level=1, seed_transpiler=4)
    observable = SparsePauliOp(["ZZX", "IXY"], [1.0, 2.0])
    placed = observable.apply_layout(compiled.layout)
    estimator = LRETEstimator(LRETBackend(num_qubits=60))
    strings = ["Z" * 60, "X" * 60, "1" + 59 * "I"]
    data = estimator.run([(compiled, [placed, *strings])]).result()[0].data
    pure = Statevector(circuit)
    assert data.evs[0] == pytest.approx(pure.expectation_value(observable).real, abs=1e-9)
    assert data.evs[1] == pytest.approx(pure.expectation_value(Pauli("ZZZ")).real, abs=1e-9)
    np.testing.assert_allclose(data.evs[2:], 0, atol=1e-12)


def test_initial_state_on_qubits_without_gates() -> None:
    circuit = QuantumCircuit(2)
    circuit.x(0)
    excited = np.eye(4)[3]
    data = LRETEstimator(initial_state=excited).run([(circuit, ["ZI", "IZ"])]).result()[0].data
    np.testing.assert_allclose(data.evs, [-1, 1], atol=1e-12)


def test_noise_on_qubits_without_gates() -> None:
    flip = lret_dist.NoiseModel()
    flip.add_error(np.array([[[0, 1], [1, 0]]]), "cx", [0, 1], noise_qubits=[2])
    circuit = QuantumCircuit(4)
    circuit.h(0)
    circuit.cx(0, 1)
    result = LRETEstimator(noise_model=flip).run([(circuit, ["IZII", "ZIII", "ZZZZ"])]).result()
    np.testing.assert_allclose(result[0].data.evs, [-1, 1, -1], atol=1e-9)


def test_measurements_act_on_the_state() -> None:
    bell = QuantumCircuit(2, 1)
    bell.h(0)
    bell.cx(0, 1)
    pub = (bell, ["ZZ", "XX"])
    np.testing.assert_allclose(LRETEstimator().run([pub]).result()[0].data.evs, [1, 1], atol=1e-9)
    bell.measure(0, 0)
    for estimator in (LRETEstimator(), EstimatorV2()):
        evs = estimator.run([pub]).result()[0].data.evs
        np.testing.assert_allclose(evs, [1, 0], atol=1e-9)


@pytest.mark.parametrize("precision", [0, 0.02])
def test_outcomes_that_decide_what_is_done(precision: float) -> None:
    angle = Parameter("t")
    circuit = QuantumCircuit(2, 1)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(angle, 1)
    angles = np.linspace(0, 3, 11)
    observables = [[SparsePauliOp(["ZI", "II"], [2, 1])], ["II"]]
    estimator = LRETEstimator(seed=4, options={"run_options": {"shots": 5000}})
    result = estimator.run([(circuit, observables, angles[:, None])], precision=precision).result()
    excited = np.sin(angles / 2) ** 2
    expected = 1 + 2 * (1 - excited + excited * np.cos(angles))
    data = result[0].data
    assert (np.abs(data.evs[0] - expected) <= 5 * data.stds[0] + 1e-9).all()
    assert (data.stds[0, 1:] > 0).all()
    assert (data.stds[0] <= (precision or 0.04)).all()
    np.testing.assert_array_equal(data.evs[1], 1)
    np.testing.assert_array_equal(data.stds[1], 0)
    job = LRETEstimator(shots=0).run([(circuit, "ZI", angles[:, None])], precision=0)
    message = r"shots must be at least 1 .*PUB 0 .*, parameter set \(0,\)"
    with pytest.raises(JobError, match=message):
        job.result()


def test_saves_of_the_user_are_left_out() -> None:
    circuit = state(2)
    circuit.save_statevector(pershot=True)
    circuit.save_expectation_value(Pauli("ZZ"), [0, 1], label="lret estimator 0")
    data = LRETEstimator().run([(circuit, ["XX"])]).result()[0].data
    expected = Statevector(state(2)).expectation_value(Pauli("XX")).real
    np.testing.assert_allclose(data.evs, expected, atol=1e-9)


def test_metadata_and_pubs_of_every_kind() -> None:
    circuit = state(2)
    circuit.metadata = {"run": 3}
    estimator = LRETEstimator(default_precision=0.1)
    assert isinstance(estimator, BaseEstimatorV2)
    pubs = [(circuit, "ZZ"), (circuit, "ZZ", None, 0.2), EstimatorPub.coerce((circuit, ["XX"]))]
    result = estimator.run(iter(pubs)).result()
    assert result.metadata == {"version": 2}
    assert [each.metadata["target_precision"] for each in result] == [0.1, 0.2, 0.1]
    assert all(each.metadata["circuit_metadata"] == {"run": 3} for each in result)
    assert estimator.run(pubs, precision=0.3).result()[0].metadata["target_precision"] == 0.3
    # The reference would add noise of the precision.
    reference = StatevectorEstimator().run([(circuit, "ZZ"), (circuit, ["XX"])]).result()
    for mine, other in zip((result[1], result[2]), reference, strict=True):
        np.testing.assert_allclose(mine.data.evs, other.data.evs, atol=1e-9)


def test_options(noise: NoiseModel) -> None:
    options = {"default_precision": 0.02, "backend_options": {"noise_model": noise}}
    ways = [
        LRETEstimator(options=options),
        LRETEstimator(noise_model=noise),
        LRETEstimator.from_backend(LRETBackend(noise_model=noise)),
        LRETEstimator.from_backend(AerSimulator(noise_model=noise), default_precision=0.5),
    ]
    assert [each.default_precision for each in ways] == [0.02, 0.0, 0.0, 0.5]
    circuit = state(2)
    expected = np.trace(HYDROGEN.to_matrix() @ exact(circuit, noise)).real
    for estimator in ways:
        value = estimator.run([(circuit, HYDROGEN)], precision=0).result()[0].data.evs
        assert value == pytest.approx(expected, abs=1e-3)
    assert LRETEstimator(options={"default_precision": None}).run([(circuit, "ZZ")]).result()
    with pytest.raises(TypeError, match="the estimates' is default_precision"):
        LRETEstimator(precision=0.01)
    with pytest.raises(TypeError, match="'default_precison'; did you mean 'default_precision'"):
        LRETEstimator(options={"run_options": {"default_precison": 0.01}})


def test_qubits_that_no_observable_depends_on_do_not_count() -> None:
    circuit = QuantumCircuit(40)
    circuit.h(0)
    circuit.cx(0, 39)
    for qubit in range(40):
        circuit.delay(100, qubit)
    estimator = LRETEstimator(LRETBackend(num_qubits=2))
    observables = [
        SparsePauliOp.from_sparse_list([(text, [0, 39], 1)], 40) for text in ("ZZ", "XX")
    ]
    np.testing.assert_allclose(estimator.run([(circuit, observables)]).result()[0].data.evs, 1)
    with pytest.raises(ValueError, match="uses 3 qubits, the backend has 2"):
        estimator.run([(circuit, SparsePauliOp.from_sparse_list([("ZZZ", [0, 7, 39], 1)], 40))])


def test_errors_name_the_pub() -> None:
    estimator, circuit = LRETEstimator(), state(2)
    with pytest.raises(ValueError, match=r"PUB 1: .*imaginary part"):
        estimator.run([(circuit, "ZZ"), (circuit, 1j * SparsePauliOp("ZZ"))])
    with pytest.raises(ValueError, match="PUB 0: The number of qubits of the circuit"):
        estimator.run([(circuit, "ZZZ")])
    with pytest.raises(ValueError, match="precision must be non-negative"):
        estimator.run([(circuit, "ZZ")], precision=-1)
    with pytest.raises(ValueError, match="wrap it"):
        estimator.run((circuit, "ZZ"))
    wide = QuantumCircuit(20)
    with pytest.raises(ValueError, match=r"PUB 0 .*20 letters .* becomes 2\^20"):
        estimator.run([(wide, "0" * 20)])
    wide = QuantumCircuit(40, name="too wide")
    wide.h(range(40))
    job = LRETEstimator(LRETBackend(num_qubits=40)).run([(wide, "Z" * 40)])
    with pytest.raises(JobError, match=r"PUB 0 .*too wide"):
        job.result()


@pytest.mark.parametrize("value", [np.nan, np.inf, np.float32("nan"), 10**400])
def test_a_precision_that_is_not_finite(value: float) -> None:
    circuit, words = state(2), "PUB 0: precision must be finite, got (nan|inf|10)"
    with pytest.raises(ValueError, match=words):
        LRETEstimator().run([(circuit, "ZZ")], precision=value)
    with pytest.raises(ValueError, match=words):
        LRETEstimator().run([(circuit, "ZZ", None, value)], precision=0.1)
    with pytest.raises(ValueError, match=words):
        LRETEstimator(default_precision=value).run([(circuit, "ZZ")])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_coefficients_that_are_not_finite(value: float) -> None:
    words = rf"PUB 0 .*coefficients must be finite, got {value} for 'ZZ'"
    with pytest.raises(ValueError, match=words):
        LRETEstimator().run([(state(2), {"ZX": 1.0, "ZZ": value})])


@pytest.mark.parametrize("noisy", [False, True])
def test_variational_eigensolver(noisy: bool, noise: NoiseModel) -> None:
    estimator = LRETEstimator(noise_model=noise if noisy else None)
    circuit = real_amplitudes(2, reps=1)

    def energy(angles: np.ndarray) -> float:
        return float(estimator.run([(circuit, HYDROGEN, angles)]).result()[0].data.evs)

    found = minimize(energy, [0.1, -3.0, 0.2, 0.1], method="COBYLA", options={"maxiter": 150})
    least = np.linalg.eigvalsh(HYDROGEN.to_matrix())[0]
    if noisy:
        rho = exact(circuit.assign_parameters(found.x), noise)
        assert found.fun == pytest.approx(np.trace(HYDROGEN.to_matrix() @ rho).real, abs=1e-3)
        assert least + 0.01 < found.fun < -1.5
    else:
        assert found.fun == pytest.approx(least, abs=1e-3)
