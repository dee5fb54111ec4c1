"""The parts that talk: exchange of bits, compression, sums; every MPI rank takes part."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI
from random_circuits import amplitude_damping, depolarizing

from lret_dist import Circuit, ProcessGrid
from lret_dist.factors.branching import candidate_weights, choose
from lret_dist.factors.compression import Cut, compress
from lret_dist.factors.dealing import append_branches, keep_dominant
from lret_dist.factors.state import State
from lret_dist.grid.communicator import GridCommunicator
from lret_dist.numerics.channels import embed
from lret_dist.numerics.operators import Operator
from lret_dist.programs.fusion import fuse
from lret_dist.programs.program import ChannelStep

WORLD = MPI.COMM_WORLD
GRIDS = [ProcessGrid(r, WORLD.size // r) for r in (1, 2, 4) if WORLD.size % r == 0]
QUBITS = 5


@pytest.fixture(params=GRIDS, ids=str)
def comm(request: pytest.FixtureRequest) -> GridCommunicator:
    return GridCommunicator(request.param, WORLD)


def columns(seed: int, number: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    entries = rng.normal(size=(1 << QUBITS, number)) + 1j * rng.normal(size=(1 << QUBITS, number))
    return entries / np.linalg.norm(entries)


def spread(comm: GridCommunicator, whole: np.ndarray, dtype: type = np.complex128) -> State:
    return State.prepare(QUBITS, comm, np.dtype(dtype), whole, whole.shape[1])


def density_matrix(state: State) -> np.ndarray:
    """rho in the order of the qubits, on every MPI rank."""
    rho = state.density_matrix(range(QUBITS))
    whole = np.zeros((1 << QUBITS,) * 2, complex) if rho is None else rho
    state.comm.broadcast(whole)
    return whole


@pytest.mark.parametrize("order", [(4, 3, 2), (0, 4, 1), (2, 0, 3), (1, 2, 4)])
def test_exchange_moves_rows_and_nothing_else(
    comm: GridCommunicator, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lret_dist.grid.exchange.BUFFER_BYTES", 100)
    whole = columns(1, 7)
    state = spread(comm, whole)
    for qubits in (order, (0, 1, 3), (4, 2, 0)):
        away = qubits[: comm.grid.row_bits]
        state.distribute(away)
        assert {q for q in range(QUBITS) if not state.layout.is_local(q)} == set(away)
        np.testing.assert_allclose(density_matrix(state), whole @ whole.conj().T, atol=1e-14)


def test_flips_of_distributed_bits_move_nothing(
    comm: GridCommunicator, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = columns(1, 3)
    state = spread(comm, whole)
    before = state.factor.block.copy()
    flip = Operator(np.array([[0, 1], [1, 0]], complex))
    spread_qubits = range(state.layout.local_bits, QUBITS)
    for qubit in spread_qubits:
        state.apply(flip, [qubit])
    np.testing.assert_array_equal(state.factor.block, before)
    order = np.arange(1 << QUBITS) ^ sum(1 << qubit for qubit in spread_qubits)
    flipped = whole[order]
    probabilities = (np.abs(flipped) ** 2).sum(axis=1)
    here = slice(comm.row * len(before), (comm.row + 1) * len(before))
    np.testing.assert_allclose(state.probabilities(), probabilities[here], atol=1e-14)
    monkeypatch.setattr("lret_dist.grid.exchange.BUFFER_BYTES", 100)
    for away in ((0, 1, 3), (4, 2, 0), (2, 1, 4)):
        state.distribute(away[: comm.grid.row_bits])
        np.testing.assert_allclose(state.probabilities(), probabilities[here], atol=1e-14)
        np.testing.assert_allclose(density_matrix(state), flipped @ flipped.conj().T, atol=1e-14)
        exact = np.vdot(flipped, flipped[np.arange(1 << QUBITS) ^ 0b10110])
        assert state.pauli_sum(0b10110, 0) == pytest.approx(exact, abs=1e-13)


@pytest.mark.parametrize("number", [1, 6, 20, 40])
@pytest.mark.parametrize("buffer", [200, 1 << 20])
def test_compression_keeps_the_largest_weights(
    comm: GridCommunicator, number: int, buffer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lret_dist.factors.compression.BUFFER_BYTES", buffer)
    monkeypatch.setattr("lret_dist.factors.gram.BUFFER_BYTES", buffer)
    whole = columns(2, number)
    rho = whole @ whole.conj().T
    weights = np.linalg.eigvalsh(rho)[::-1]
    state = spread(comm, whole)
    kept = max(1, number // 3)
    discarded = compress(state.factor, comm, Cut(0.0, kept), QUBITS)
    assert state.rank() == kept
    assert discarded == pytest.approx(1 - weights[:kept].sum(), abs=1e-12)
    assert state.trace() == pytest.approx(weights[:kept].sum(), abs=1e-12)
    gone = rho - density_matrix(state)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(gone)[::-1][:3], _largest(weights[kept:]), atol=1e-12
    )


def _largest(weights: np.ndarray) -> np.ndarray:
    return np.append(weights, np.zeros(3))[:3]


def test_compression_balances_the_columns(comm: GridCommunicator) -> None:
    state = spread(comm, columns(3, 13))
    compress(state.factor, comm, Cut(0.0, 13), QUBITS)
    per_group = comm.columns_per_group(state.factor.columns)
    assert sum(per_group) == 13
    assert max(per_group) - min(per_group) <= 1
    np.testing.assert_allclose(state.factor.weights, _weights(state), atol=1e-14)


def _weights(state: State) -> np.ndarray:
    weights = (np.abs(state.factor.block) ** 2).sum(axis=0)
    state.comm.sum_over_rows(weights)
    return weights


@pytest.mark.parametrize("buffer", [40, 1 << 20])
@pytest.mark.parametrize("noise", ["paulis", "damping"])
@pytest.mark.parametrize(("dtype", "close"), [(np.complex128, 1e-13), (np.complex64, 1e-6)])
def test_branches_are_dealt_out_evenly(
    comm: GridCommunicator,
    noise: str,
    buffer: int,
    dtype: type,
    close: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("factors.dealing", "grid.exchange", "factors.compression"):
        monkeypatch.setattr(f"lret_dist.{module}.BUFFER_BYTES", buffer)
    channel, qubits = depolarizing(2, 0.3), [0, QUBITS - 1]
    if noise == "damping":
        channel, qubits = amplitude_damping(0.3), [QUBITS - 1]
    (step,) = fuse(Circuit(QUBITS).channel(channel, qubits)).steps
    assert isinstance(step, ChannelStep)
    # One column outweighs all others, so that its group chooses most branches.
    whole = columns(5, 7) * np.array([1, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1])
    state = spread(comm, whole, dtype)
    weights, partial = candidate_weights(state.factor, step, *state.split_bits(step.qubits))
    if partial:
        comm.sum_over_rows(weights)
    branches = choose(weights, 0)
    before = state.factor.columns
    append_branches(state, state, step, branches)
    keep_dominant(state, step, before, weights[0])
    per_group = comm.columns_per_group(state.factor.columns)
    assert sum(per_group) == 7 + sum(comm.columns_per_group(len(branches)))
    assert max(per_group) - min(per_group) <= 1
    np.testing.assert_allclose(state.factor.weights, _weights(state), atol=close)
    parts = [embed(operator, qubits, QUBITS) @ whole for operator in channel]
    exact = sum(part @ part.conj().T for part in parts)
    np.testing.assert_allclose(density_matrix(state), exact, atol=close)
    # A compression that would gain too little gives everything back as it was.
    number, block = sum(per_group), state.factor.block.copy()
    discarded = compress(state.factor, comm, Cut(0.0, number, least_gain=1.1), QUBITS)
    if number <= 1 << QUBITS:
        assert discarded == 0
        np.testing.assert_array_equal(state.factor.block, block)
    assert compress(state.factor, comm, Cut(0.0, 1 << QUBITS), QUBITS) < close
    np.testing.assert_allclose(density_matrix(state), exact, atol=10 * close)


def test_pauli_sums_cross_row_groups(comm: GridCommunicator) -> None:
    whole = columns(4, 5)
    state = spread(comm, whole)
    for x_mask, z_mask in ((0, 0), (0b10000, 0), (0b11111, 0b10101), (0b01000, 0b11000)):
        index = np.arange(1 << QUBITS)
        signs = np.array([(-1.0) ** ((i ^ x_mask) & z_mask).bit_count() for i in index])
        exact = np.vdot(whole, signs[:, np.newaxis] * whole[index ^ x_mask])
        assert state.pauli_sum(x_mask, z_mask) == pytest.approx(exact, abs=1e-13)


def test_sums_have_the_same_bits_everywhere(comm: GridCommunicator) -> None:
    values = np.random.default_rng(WORLD.rank).normal(size=1000)
    comm.sum_over_all(values)
    everywhere = WORLD.allgather(values.tobytes())
    assert len(set(everywhere)) == 1
