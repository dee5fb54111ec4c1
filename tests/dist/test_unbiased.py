"""Sampled runs: unbiased, with standard errors that are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dense_reference import evolve
from random_circuits import (
    add_saves,
    amplitude_damping,
    brick_wall,
    brick_wall_noise,
    random_circuit,
    random_kraus,
    weak_noise,
)

from lret_dist import (
    Circuit,
    NoiseModel,
    SaveDensityMatrix,
    SimulationResult,
    TruncationWarning,
    simulate,
)

SEEDS = 400
STRINGS = ["ZIII", "IZZI", "XXYZ", "IIYX", "ZZZZ", "XIII", "IXIX", "YYII"]


def with_values(circuit: Circuit) -> Circuit:
    for place, string in enumerate(STRINGS):
        circuit.save_expectation_value({string: 1.0}, key=f"v{place}")
    circuit.save_expectation_value({"XZII": 0.3, "IIIZ": -2.0}, [3, 1, 0, 2], key="sum")
    return circuit.save_probabilities([2, 0, 3], key="p").save_density_matrix([1, 2], key="rho")


def damped(num_qubits: int, layers: int) -> Circuit:
    """Channels that are no mixtures of unitaries, weak and strong, on one to three qubits."""
    rng = np.random.default_rng(4)
    circuit = brick_wall(num_qubits, 2)
    for layer in range(layers):
        for qubit in range(num_qubits):
            circuit.gate("rx", [qubit], rng.uniform(0, 3))
            circuit.channel(amplitude_damping(0.05), [qubit])
        circuit.gate("cx", [layer % num_qubits, (layer + 1) % num_qubits])
        circuit.channel(weak_noise(rng, 2, 0.03), [(layer + 2) % num_qubits, layer % num_qubits])
    circuit.channel(weak_noise(rng, 3, 0.1), [3, 0, 1]).channel(random_kraus(rng, 4, 2), range(4))
    return circuit.reset(1).gate("h", [1]).channel(random_kraus(rng, 1, 3), [1])


CASES: dict[str, tuple[Circuit, NoiseModel | None, float]] = {
    "few small errors": (brick_wall(4, 6), brick_wall_noise(1e-3, 2e-2), 0.05),
    "many large errors": (brick_wall(4, 6), brick_wall_noise(5e-2, 3e-1), 0.05),
    "only exact columns": (brick_wall(4, 2), brick_wall_noise(1e-2, 1e-1), 1e-3),
    "no mixtures": (damped(4, 4), None, 0.02),
}


def vector(data: dict[str, Any]) -> np.ndarray:
    """All saved numbers as one real vector."""
    parts = [np.asarray(data[key]).ravel() for key in sorted(data)]
    return np.concatenate([np.concatenate([part.real, part.imag]) for part in parts])


@pytest.mark.parametrize(
    ("name", "precision"), [*((name, "double") for name in CASES), ("no mixtures", "single")]
)
def test_unbiased_with_right_standard_errors(name: str, precision: str) -> None:
    circuit, noise, resolution = CASES[name]
    circuit = with_values(Circuit(4, operations=circuit.operations.copy()))
    exact = vector(evolve(circuit, noise).data)
    options = {"truncation": "unbiased", "resolution": resolution, "precision": precision}
    results = [simulate(circuit, noise, shots=0, seed=s, **options) for s in range(SEEDS)]
    values = np.array([vector(result.data) for result in results])
    spread = values.std(axis=0, ddof=1)
    distance = np.abs(values.mean(axis=0) - exact)
    # 4 standard errors, and 5 for the largest of more than a hundred numbers.
    allowed = spread / np.sqrt(SEEDS)
    assert (distance <= 5 * allowed + 1e-6).all()
    first = len(vector({"p": results[0].data["p"], "rho": results[0].data["rho"]}))
    assert (distance[first:] <= 4 * allowed[first:] + 1e-6).all()
    for key in (*(f"v{place}" for place in range(len(STRINGS))), "sum"):
        reported = np.sqrt(np.mean([result.standard_errors[key] ** 2 for result in results]))
        seen = np.std([result.data[key] for result in results], ddof=1)
        assert reported == pytest.approx(seen, rel=0.2, abs=1e-6)


def test_standard_errors_of_arrays() -> None:
    circuit, noise, resolution = CASES["few small errors"]
    circuit = with_values(Circuit(4, operations=circuit.operations.copy()))
    options = {"truncation": "unbiased", "resolution": resolution, "shots": 0}
    results = [simulate(circuit, noise, seed=seed, **options) for seed in range(SEEDS)]
    for key in ("p", "rho"):
        reported = np.sqrt(np.mean([r.standard_errors[key] ** 2 for r in results], axis=0))
        seen = np.std([result.data[key] for result in results], axis=0, ddof=1)
        assert reported.shape == seen.shape == results[0].data[key].shape
        np.testing.assert_allclose(reported, seen, rtol=0.25)
    metadata = results[0].metadata
    largest = max(np.max(error) for error in results[0].standard_errors.values())
    assert metadata.standard_error == pytest.approx(largest)
    assert metadata.truncation == "unbiased"
    assert metadata.truncation_error is None
    assert metadata.fidelity is None


def test_smaller_resolution_gives_smaller_errors() -> None:
    circuit = with_values(brick_wall(4, 6))
    errors = [
        simulate(
            circuit,
            brick_wall_noise(1e-2, 5e-2),
            truncation="unbiased",
            resolution=resolution,
            shots=0,
            seed=3,
        ).metadata.standard_error
        for resolution in (0.02, 0.002, 0.0002)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


@pytest.mark.parametrize("target", [0.02, 0.005])
def test_standard_error_that_is_asked_for(target: float) -> None:
    circuit, noise = with_values(brick_wall(4, 6)), brick_wall_noise(1e-2, 5e-2)
    result = simulate(circuit, noise, standard_error=target, shots=0, seed=1)
    assert result.metadata.truncation_reason == "a statistical error was asked for"
    assert result.metadata.standard_error <= 1.3 * target
    exact = evolve(circuit, noise).data
    for key, error in result.standard_errors.items():
        assert (np.abs(result.data[key] - exact[key]) <= 5 * np.asarray(error) + 1e-9).all()


def test_counts_follow_the_probabilities() -> None:
    circuit = random_circuit(np.random.default_rng(6), 4, 25).measure_all()
    noise = NoiseModel().add_readout_error([[0.9, 0.1], [0.2, 0.8]], 1)
    shots = 100_000
    result = simulate(circuit, noise, truncation="unbiased", shots=shots, seed=2)
    assert result.metadata.standard_error <= 1.2 * 0.25 / np.sqrt(shots)
    assert_counts(result, circuit, noise, shots)


@pytest.mark.parametrize("shots", [31, 100_000])
def test_counts_after_a_measurement_in_the_middle(shots: int) -> None:
    rng = np.random.default_rng(2)
    circuit = random_circuit(rng, 3, 8).measure(0, 2).reset(0).gate("h", [0]).measure(1, 1)
    circuit.gate("cx", [1, 2]).channel(weak_noise(rng, 1, 0.2), [1]).measure(2, 0)
    result = simulate(circuit, truncation="unbiased", resolution=1e-4, shots=shots, seed=3)
    assert sum(result.counts().values()) == shots
    assert result.metadata.standard_error is None
    assert result.metadata.sampled_columns > 32
    if shots > 1000:
        assert_counts(result, circuit, None, shots)


def assert_counts(
    result: SimulationResult, circuit: Circuit, noise: NoiseModel | None, shots: int
) -> None:
    counts, exact = result.counts(), evolve(circuit, noise).probabilities
    for value, probability in exact.items():
        spread = 6 * np.sqrt(probability * (1 - probability) / shots) + 1e-9
        assert counts.get(value, 0) / shots == pytest.approx(probability, abs=spread)


def test_saves_in_the_middle_and_after_a_measurement() -> None:
    rng = np.random.default_rng(9)
    circuit = add_saves(random_circuit(rng, 4, 15), rng).measure(2, 0).gate("h", [2])
    circuit.save_expectation_value({"ZZZZ": 1.0}, key="end").measure_all()
    result = simulate(circuit, truncation="unbiased", resolution=1e-3, shots=100, seed=4)
    exact = evolve(circuit).data
    assert result.data.keys() == exact.keys()
    for key, value in exact.items():
        error = np.asarray(result.standard_errors[key])
        assert (np.abs(result.data[key] - value) <= 6 * error + 1e-9).all()
    assert len(result.memory()) == 100


def test_seed_fixes_everything_whatever_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    from lret_dist.sessions.crew import Crew

    circuit = brick_wall(5, 6).save_probabilities(key="p").measure_all()
    noise, original = brick_wall_noise(1e-2, 5e-2), Crew.run
    runs = []
    for threads in (1, 2, 3):

        def run(self: Any, *args: Any, threads: int = threads, **options: Any) -> Any:
            self.threads = threads
            return original(self, *args, **options)

        monkeypatch.setattr(Crew, "run", run)
        options = {"truncation": "unbiased", "resolution": 1e-3, "shots": 200}
        runs.append(simulate(circuit, noise, seed=5, **options))
    for other in runs[1:]:
        assert other.memory() == runs[0].memory()
        np.testing.assert_array_equal(other.data["p"], runs[0].data["p"])


@pytest.mark.parametrize("precision", ["double", "single"])
def test_steps_in_one_call_or_in_many(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit, noise = brick_wall(14, 4), brick_wall_noise(1e-2, 5e-2)
    for qubit in range(0, 14, 3):
        circuit.channel(amplitude_damping(0.1), [qubit])
    circuit.gate("cx", [13, 0]).save_probabilities(range(6), key="p")
    options = {"truncation": "unbiased", "resolution": 1e-2, "precision": precision, "seed": 2}
    together = simulate(circuit, noise, shots=0, **options).data["p"]
    monkeypatch.setattr("lret_dist.sampled.sampled_state._ELEMENT_STEPS", 1)
    alone = simulate(circuit, noise, shots=0, **options).data["p"]
    np.testing.assert_allclose(
        together, alone, rtol=0, atol=1e-12 if precision == "double" else 1e-5
    )


def test_pure_states_and_a_single_column() -> None:
    circuit = with_values(brick_wall(4, 3))
    result = simulate(circuit, truncation="unbiased", shots=0, seed=1)
    np.testing.assert_allclose(vector(result.data), vector(evolve(circuit).data), atol=1e-12)
    assert result.metadata.standard_error == 0


def test_initial_state_of_several_columns() -> None:
    rng = np.random.default_rng(3)
    columns = rng.normal(size=(16, 3)) + 1j * rng.normal(size=(16, 3))
    columns /= np.linalg.norm(columns)
    circuit = Circuit(4).channel(weak_noise(rng, 1, 0.1), [2]).save_density_matrix(key="rho")
    options = {"truncation": "unbiased", "resolution": 1e-3, "shots": 0, "seed": 1}
    result = simulate(circuit, initial_state=columns, **options)
    certified = simulate(circuit, initial_state=columns, truncation="certified", epsilon=0, shots=0)
    difference = np.abs(result.data["rho"] - certified.data["rho"])
    assert (difference <= 6 * result.standard_errors["rho"] + 1e-9).all()


def test_auto_says_what_it_chose_and_why(tmp_path: Path) -> None:
    noise = brick_wall_noise(1e-3, 1e-2)
    small = simulate(brick_wall(6, 4).measure_all(), noise).metadata
    assert (small.truncation, small.truncation_reason) == ("certified", "affordable")
    assert small.standard_error is None
    large = simulate(brick_wall(16, 6).measure_all(), noise, shots=100).metadata
    assert large.truncation == "unbiased"
    assert large.standard_error <= 1.3 * 0.25 / np.sqrt(100)
    split = brick_wall(11, 6).measure(0, 0).gate("h", [0]).measure_all()
    drawn = simulate(split, noise).metadata
    assert (drawn.truncation, drawn.truncation_reason) == (
        "unbiased",
        "every shot draws its own errors",
    )
    kept = simulate(split, noise, checkpoint=str(tmp_path)).metadata
    assert (kept.truncation, kept.truncation_reason) == (
        "certified",
        "outcomes on the way split the run",
    )
    pure = simulate(brick_wall(12, 4).measure_all()).metadata
    assert (pure.truncation, pure.truncation_reason) == ("certified", "there is no noise")
    state = Circuit(
        7, operations=[*brick_wall(7, 3).operations, SaveDensityMatrix("r", (*range(7),))]
    )
    saved = simulate(state, noise, shots=0).metadata
    assert saved.truncation_reason == "a large density matrix is saved"


def test_single_precision_where_the_standard_error_hides_it() -> None:
    circuit, noise = with_values(brick_wall(4, 6)), brick_wall_noise(1e-5, 1e-4)

    def precision(**options: Any) -> str:
        return simulate(circuit, noise, shots=0, **options).metadata.precision

    assert precision(standard_error=1e-3) == "single"
    assert precision(standard_error=1e-5) == "double"
    assert precision(resolution=1e-6) == "double"
    assert precision(standard_error=1e-3, precision="double") == "double"
    assert precision(standard_error=1e-5, precision="single") == "single"
    assert precision(truncation="certified") == "double"


def test_a_certified_run_follows_where_sampling_would_take_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    circuit, noise = with_values(brick_wall(4, 6)), brick_wall_noise(1e-2, 1e-1)
    metadata = simulate(circuit, noise, shots=0).metadata
    assert metadata.truncation_reason == "affordable"
    monkeypatch.setattr("lret_dist.planning.truncation._CHEAP_VALUES", 0)
    monkeypatch.setattr("lret_dist.planning.truncation._ADVANTAGE", 0.01)
    metadata = simulate(circuit, noise, shots=0).metadata
    assert metadata.truncation_reason == "sampling would have taken too many columns"
    assert metadata.truncation == "certified"
    assert metadata.truncation_error <= 1e-4
    assert metadata.sampled_columns == 0


def test_target_that_is_missed_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lret_dist.runs.batches._Batches._next_round", lambda _, done, **__: done)
    circuit, noise = with_values(brick_wall(4, 6)), brick_wall_noise(1e-2, 1e-1)
    with pytest.warns(TruncationWarning, match=r"standard error is 0\.\d+, more than the 0.0001"):
        simulate(circuit, noise, standard_error=1e-4, shots=0, seed=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"truncation": "sometimes"}, "truncation must be one of auto, certified, unbiased"),
        ({"resolution": 0}, "resolution must be greater than 0"),
        ({"resolution": -0.1}, "resolution must be greater than 0 and less than 1, got -0.1"),
        ({"standard_error": float("nan")}, "standard_error must be greater than 0"),
        ({"standard_error": 1.5}, "standard_error must be greater than 0 and less than 1"),
        ({"truncation": "certified", "resolution": 0.1}, 'resolution needs truncation="unbiased"'),
        ({"resolution": 0.1, "standard_error": 0.1}, "cannot both be given"),
        ({"truncation": "unbiased", "method": "density_matrix"}, "discards nothing"),
        ({"truncation": "unbiased", "max_rank": 3}, 'max_rank needs truncation="certified"'),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        simulate(Circuit(1, 1).measure_all(), **options)
