"""The density matrix as Pauli coefficients, against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from dense_reference import evolve, reduced
from hypothesis import given, settings
from hypothesis import strategies as st
from random_circuits import add_saves, brick_wall, brick_wall_noise, random_circuit

from lret_dist import InsufficientMemoryError, ProcessGrid, SimulationOptions, simulate
from lret_dist.density.density_state import DensityState, passes
from lret_dist.factors.state import State
from lret_dist.grid.communicator import GridCommunicator
from lret_dist.machines.machine import Machine
from lret_dist.numerics.channels import paulis
from lret_dist.planning.jobs import SimulationRequest, prepare

ALONE = GridCommunicator(ProcessGrid(1, 1))


def random_factor(rng: np.random.Generator, num_qubits: int, rank: int) -> np.ndarray:
    shape = (1 << num_qubits, rank)
    factor = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    return factor / np.linalg.norm(factor)


def density_of(factor: np.ndarray, dtype: type = np.complex128) -> DensityState:
    num_qubits = len(factor).bit_length() - 1
    state = State.prepare(num_qubits, ALONE, np.dtype(dtype), factor, 1)
    return DensityState.from_factor(state)


@pytest.mark.parametrize("num_qubits", [1, 2, 3, 5, 9])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.complex128, 1e-14), (np.complex64, 1e-6)])
def test_there_and_back(
    num_qubits: int, dtype: type, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lret_dist.density.density_state._CHUNK_BYTES", 3 * 16 << num_qubits)
    factor = random_factor(np.random.default_rng(0), num_qubits, 7)
    density, rho = density_of(factor, dtype), factor @ factor.conj().T
    whole = density.density_matrix(range(num_qubits))
    np.testing.assert_allclose(whole, rho, rtol=0, atol=tolerance)
    np.testing.assert_allclose(density.probabilities(), rho.diagonal().real, atol=tolerance)
    assert density.trace() == pytest.approx(1, abs=10 * tolerance)


@given(seed=st.integers(0, 2**32), num_qubits=st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_values_of_some_qubits(seed: int, num_qubits: int) -> None:
    rng = np.random.default_rng(seed)
    factor = random_factor(rng, num_qubits, 3)
    density, rho = density_of(factor), factor @ factor.conj().T
    qubits = tuple(int(q) for q in rng.permutation(num_qubits)[: rng.integers(1, num_qubits + 1)])
    part = reduced(rho, qubits, num_qubits)
    np.testing.assert_allclose(density.density_matrix(qubits), part, rtol=0, atol=1e-14)
    np.testing.assert_allclose(density.marginal(qubits), part.diagonal().real, atol=1e-14)
    x_mask, z_mask = (int(m) for m in rng.integers(0, 1 << num_qubits, 2))
    letters = [(x_mask >> q & 1) + 3 * (z_mask >> q & 1) for q in range(num_qubits)]
    number = sum({0: 0, 1: 1, 4: 2, 3: 3}[v] << 2 * q for q, v in enumerate(letters))
    exact = np.trace(paulis(num_qubits)[number] @ rho).real
    assert density.pauli(x_mask, z_mask) == pytest.approx(exact, abs=1e-14)


@given(seed=st.integers(0, 2**32), num_qubits=st.integers(2, 9), most=st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_passes_keep_the_order_on_every_qubit(seed: int, num_qubits: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    steps = [rng.permutation(num_qubits)[: rng.integers(1, 3)].tolist() for _ in range(30)]
    order: list[int] = []
    for qubits, members in passes(steps, most):
        assert set(qubits) == {q for m in members for q in steps[m]}
        assert len(qubits) <= max(most, 2)
        order += members
    assert sorted(order) == list(range(len(steps)))
    for qubit in range(num_qubits):
        on_it = [number for number in order if qubit in steps[number]]
        assert on_it == sorted(on_it)


def test_wide_gates_and_channels() -> None:
    rng = np.random.default_rng(8)
    circuit = random_circuit(rng, 5, 10)
    unitary, _ = np.linalg.qr(rng.normal(size=(16, 16)) + 1j * rng.normal(size=(16, 16)))
    circuit.unitary(unitary, [4, 0, 2, 1])
    circuit.channel([np.sqrt(0.7) * np.eye(16), np.sqrt(0.3) * unitary], [3, 4, 1, 0])
    circuit.save_density_matrix(key="rho")
    rho = simulate(circuit, method="density_matrix", shots=0).data["rho"]
    np.testing.assert_allclose(rho, evolve(circuit).data["rho"], rtol=0, atol=1e-10)


def test_single_precision() -> None:
    rng = np.random.default_rng(3)
    circuit = add_saves(random_circuit(rng, 4, 20), rng)
    options = {"method": "density_matrix", "precision": "single", "shots": 0}
    rho = simulate(circuit, **options).data["rho"]
    np.testing.assert_allclose(rho, evolve(circuit).data["rho"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("number", [0, 3, 11])
def test_change_on_the_way_keeps_the_certificate(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lret_dist.runs.low_rank.density_pays", lambda _, step, __: step >= number)
    circuit, noise = brick_wall(5, 6).save_density_matrix(key="rho"), brick_wall_noise(1e-2, 5e-2)
    result = simulate(circuit, noise, epsilon=1e-2, shots=0)
    metadata = result.metadata
    assert metadata.method == "density_matrix"
    assert metadata.method_reason.startswith(f"from step {number + 1} of ")
    assert (metadata.truncation_error > 1e-12) == (number > 0)
    difference = result.data["rho"] - evolve(circuit, noise).data["rho"]
    distance = np.abs(np.linalg.eigvalsh(difference)).sum() / 2
    assert distance <= metadata.truncation_error + 1e-12 <= 1e-2


def test_automatic_takes_the_density_matrix_where_the_rank_saturates() -> None:
    heavy = simulate(brick_wall(7, 8), brick_wall_noise(1e-2, 5e-2), epsilon=1e-4, shots=0)
    assert heavy.metadata.method == "density_matrix"
    light = simulate(brick_wall(12, 2), brick_wall_noise(1e-5, 1e-4), epsilon=1e-2, shots=0)
    assert light.metadata.method == "low_rank"
    pure = simulate(brick_wall(7, 8), epsilon=1e-4, shots=0)
    assert pure.metadata.method == "low_rank"
    assert pure.metadata.max_rank == 1


def test_too_large_a_density_matrix_is_refused() -> None:
    options = SimulationOptions(method="density_matrix", shots=0)
    request = SimulationRequest(circuit=brick_wall(14, 1), options=options)
    machine = Machine(mpi_ranks=1, bytes_per_rank=2 << 30)
    with pytest.raises(InsufficientMemoryError, match=r"density matrix of 14 .* 2 GiB .*what"):
        prepare(request, machine)


def test_history_of_both_methods() -> None:
    circuit, noise = brick_wall(6, 6), brick_wall_noise(1e-3, 1e-2)
    for method in ("low_rank", "density_matrix"):
        result = simulate(circuit, noise, method=method, epsilon=1e-2, shots=0)
        history = result.history
        assert len(history.ranks) == len(history.steps) == len(history.seconds) > 3
        assert history.steps == sorted(history.steps)
        assert history.seconds == sorted(history.seconds)
        assert history.ranks[-1] == result.metadata.final_rank
        assert history.discarded[-1] == pytest.approx(result.metadata.truncation_error, abs=1e-12)
