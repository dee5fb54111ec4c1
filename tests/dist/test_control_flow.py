"""Jumps, stores and states that are set, as whole runs of plain circuits."""

import numpy as np
import pytest

from lret_dist import (
    Apply,
    Bits,
    Circuit,
    ClassicalError,
    Constant,
    Jump,
    Operation,
    SimulationOptions,
    SimulationRequest,
    Store,
    TruncationWarning,
    get_session,
    simulate,
)

METHODS = ("low_rank", "density_matrix")


def bit(number: int, value: int = 1) -> Apply:
    return Apply("equal", (Bits((number,)), Constant(value)))


def test_a_jump_forward_leaves_out_what_is_between() -> None:
    circuit = Circuit(1, 1).jump("end").gate("x", [0]).mark("end").measure(0, 0)
    assert simulate(circuit, shots=5).counts() == {0: 5}


@pytest.mark.parametrize("method", METHODS)
def test_a_loop_until_an_outcome_comes(method: str) -> None:
    """Each round costs amplitude; the loop counts its rounds in a variable."""
    counter = Bits(tuple(range(1, 9)))
    circuit = Circuit(1, 1, num_variable_bits=8)
    circuit.mark("again").gate("ry", [0], 1.0).measure(0, 0)
    circuit.store(counter, Apply("add", (counter, Constant(1)), 8))
    circuit.jump("end", Apply("greater", (counter, Constant(200))))
    circuit.jump("again", bit(0, 0)).mark("end")
    result = simulate(circuit, shots=500, seed=1, method=method)
    assert result.counts() == {1: 500}
    assert result.samples is not None
    assert result.samples.shape == (500, 1)
    assert not result.metadata.measure_sampling


def test_variables_do_not_show() -> None:
    circuit = Circuit(1, 3, num_variable_bits=2)
    circuit.store(Bits((3, 4)), 3).store(Bits((1,)), Bits((4,)))
    assert simulate(circuit, shots=4).counts() == {2: 4}


@pytest.mark.parametrize("method", METHODS)
def test_feed_forward_with_readout_errors(method: str) -> None:
    """What was read decides, not what was there."""
    circuit = Circuit(2, 2).gate("x", [0]).measure(0, 0)
    circuit.jump("end", bit(0, 0)).gate("x", [1]).mark("end").measure(1, 1)
    noise = {"noise": _reads_wrongly(0, 0.25)}
    counts = simulate(circuit, **noise, shots=4000, seed=3, method=method).counts()
    assert set(counts) == {0b00, 0b11}
    assert abs(counts[0] - 1000) < 6 * np.sqrt(750)


def _reads_wrongly(qubit: int, rate: float):
    from lret_dist import NoiseModel

    return NoiseModel().add_readout_error([[1 - rate, rate], [rate, 1 - rate]], qubit)


def test_the_truncation_error_of_a_noisy_loop_is_within_epsilon() -> None:
    rng = np.random.default_rng(4)
    circuit = Circuit(5, 1).mark("again")
    for qubit in range(5):
        circuit.gate("ry", [qubit], rng.uniform(0, 3)).gate("cx", [qubit, (qubit + 1) % 5])
        circuit.channel([np.sqrt(0.98) * np.eye(2), np.sqrt(0.02) * np.diag([1, -1])], [qubit])
    circuit.measure(0, 0).jump("again", bit(0)).save_density_matrix(key="rho").measure(1, 0)
    options = {"shots": 40, "seed": 2, "method": "low_rank", "truncation": "certified"}
    cut = simulate(circuit, epsilon=0.05, **options)
    exact = simulate(circuit, epsilon=0, **options)
    assert 1e-4 < cut.metadata.truncation_error <= 0.05
    assert exact.metadata.truncation_error < 1e-10
    values = np.linalg.eigvalsh(cut.data["rho"] - exact.data["rho"])
    assert np.abs(values).sum() / 2 <= 2 * 0.05
    assert cut.metadata.max_rank < exact.metadata.max_rank


@pytest.mark.parametrize("method", METHODS)
def test_a_state_is_set_on_the_way(method: str) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(8, 2)) + 1j * rng.normal(size=(8, 2))
    rho = vectors @ vectors.conj().T
    rho /= rho.trace()
    circuit = Circuit(3, 1).gate("h", [0]).measure(0, 0).set_state(rho).gate("x", [1])
    circuit.save_density_matrix(key="rho")
    result = simulate(circuit, shots=20, method=method, epsilon=0)
    flip = np.kron(np.eye(2), np.kron([[0, 1], [1, 0]], np.eye(2)))
    np.testing.assert_allclose(result.data["rho"], flip @ rho @ flip, atol=1e-12)


def test_a_state_that_is_set_first_is_the_initial_state() -> None:
    vector = np.array([0.6, 0, 0, 0.8j])
    circuit = Circuit(2).barrier().set_state(vector).save_density_matrix(key="rho")
    result = simulate(circuit, shots=0)
    np.testing.assert_allclose(result.data["rho"], np.outer(vector, vector.conj()), atol=1e-12)


@pytest.mark.parametrize(
    ("circuit", "message"),
    [
        (Circuit(1).jump("nowhere"), "a jump goes to 'nowhere', and there is no such mark"),
        (Circuit(1).mark("a").mark("a"), "the mark 'a' stands in 2 places"),
        (Circuit(1, 2).mark("a").jump("a", bit(2)), "classical bit 2 is out of range"),
        (Circuit(1, 1).store(Bits((1,)), 0), "classical bit 1 is out of range"),
        (
            Circuit(2).save_probabilities([0], key="a").save_probabilities(key="a"),
            "different things are saved under the key 'a'",
        ),
    ],
)
def test_bad_flow(circuit: Circuit, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(circuit)


def test_outcomes_that_decide_need_shots() -> None:
    circuit = Circuit(1, 1).gate("h", [0]).measure(0, 0).jump("end", bit(0)).mark("end")
    with pytest.raises(
        ValueError, match="shots must be at least 1 for a circuit in which outcomes decide"
    ):
        simulate(circuit, shots=0)


def test_a_division_by_zero_fails_its_circuit_alone() -> None:
    bad = Circuit(1, 2).store(Bits((0,)), Apply("div", (Bits((1,)), Bits((0,))), 1))
    good = Circuit(1, 1).gate("x", [0]).measure(0, 0)
    options = SimulationOptions(shots=3)
    requests = [SimulationRequest(circuit=each, options=options) for each in (good, bad, good)]
    outcomes = get_session().submit(requests).result(30)
    assert isinstance(outcomes[1], ClassicalError)
    for outcome in (outcomes[0], outcomes[2]):
        assert not isinstance(outcome, Exception)
        assert outcome.counts() == {1: 3}


@pytest.mark.parametrize("method", METHODS)
def test_an_endless_loop_can_be_cancelled(method: str) -> None:
    circuit = Circuit(1, 1).mark("again").gate("x", [0]).jump("again").measure(0, 0)
    options = SimulationOptions(method=method)
    handle = get_session().submit([SimulationRequest(circuit=circuit, options=options)])
    while not handle.running():
        pass
    assert handle.cancel()
    assert handle._ended.wait(20)
    assert handle.cancelled()


def test_few_states_wait_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smaller part of the shots goes first, so that their number bounds the states."""
    from lret_dist.runs.evolution import Evolution

    most = 0
    original = Evolution._evolve

    def watching(self: Evolution, task: object) -> None:
        nonlocal most
        most = max(most, len(self._waiting))
        original(self, task)  # type: ignore[arg-type]

    monkeypatch.setattr(Evolution, "_evolve", watching)
    circuit = Circuit(1, 1)
    for _ in range(60):
        circuit.gate("h", [0]).measure(0, 0)
    circuit.gate("h", [0]).gate("z", [0]).measure(0, 0)
    simulate(circuit, shots=32, seed=3, method="low_rank")
    assert 1 <= most <= 5


def flip(rate: float) -> list[np.ndarray]:
    return [np.sqrt(1 - rate) * np.eye(2), np.sqrt(rate) * np.array([[0, 1], [1, 0]])]


@pytest.mark.parametrize("part", [Store(Bits((1,)), Constant(1)), Jump("end"), Jump("end", bit(1))])
def test_a_sampled_run_that_nothing_splits_is_measured(part: Operation) -> None:
    circuit = Circuit(1, 2).append(part).mark("end").channel(flip(0.1), [0]).gate("x", [0])
    circuit.measure(0, 0)
    result = simulate(circuit, shots=2000, seed=1, truncation="unbiased")
    ones = sum(times for bits, times in result.counts().items() if bits & 1)
    assert result.metadata.truncation == "unbiased"
    assert abs(ones - 1800) < 6 * np.sqrt(180)


def test_a_loop_is_not_sampled() -> None:
    """Its steps would draw the same errors in every round."""
    circuit = Circuit(1, 1).mark("again").channel(flip(0.1), [0]).measure(0, 0)
    circuit.jump("again", bit(0))
    assert simulate(circuit, shots=9, standard_error=0.1).metadata.truncation == "certified"
    with pytest.raises(ValueError, match="is not possible: steps may be repeated"):
        simulate(circuit, shots=9, truncation="unbiased")


def test_jumps_without_classical_bits() -> None:
    circuit = Circuit(1).gate("h", [0]).jump("a").gate("x", [0]).mark("a").gate("h", [0])
    data = simulate(circuit.save_probabilities(), shots=5).data
    np.testing.assert_allclose(data["probabilities"], [1, 0], atol=1e-12)


def test_the_loss_of_a_state_that_is_replaced_counts() -> None:
    circuit = Circuit(2).channel(flip(0.2), [0]).channel(flip(0.2), [1])
    circuit.channel(flip(0.3), [0]).save_density_matrix(key="first").set_state([1, 0, 0, 0])
    circuit.save_density_matrix(key="second")
    with pytest.warns(TruncationWarning, match="forced a truncation error"):
        result = simulate(circuit, shots=0, max_rank=2, method="low_rank")
    exact = simulate(circuit, shots=0, epsilon=0, method="low_rank").data["first"]
    error = np.abs(np.linalg.eigvalsh(result.data["first"] - exact)).sum() / 2
    assert error > 0.05
    assert result.metadata.truncation_error >= error - 1e-12


def test_one_state_is_set_twice() -> None:
    circuit = Circuit(1, 1).set_state([1, 0])
    start = circuit.operations[0]
    circuit.gate("x", [0]).append(start).gate("x", [0]).measure(0, 0)
    assert simulate(circuit, shots=3).counts() == {1: 3}


def test_a_number_that_no_integer_holds() -> None:
    circuit = Circuit(1, 2).store(Bits((0, 1)), float("inf"))
    with pytest.raises(ClassicalError, match="inf cannot be stored in an unsigned integer"):
        simulate(circuit, shots=1)
