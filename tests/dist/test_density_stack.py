"""Several density matrices that go through the same steps, against each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lret_dist import ProcessGrid
from lret_dist.density.density_stack import DensityStack, stack_passes
from lret_dist.density.density_state import DensityState
from lret_dist.factors.state import State
from lret_dist.grid.communicator import GridCommunicator
from lret_dist.numerics.channels import transfer_matrix
from lret_dist.programs.program import ChannelStep

ALONE = GridCommunicator(ProcessGrid(1, 1))
PROJECTORS = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], np.complex128)


def random_states(rng: np.random.Generator, number: int, num_qubits: int) -> list[DensityState]:
    states = []
    for _ in range(number):
        factor = rng.normal(size=(1 << num_qubits, 3)) + 1j * rng.normal(size=(1 << num_qubits, 3))
        factor /= np.linalg.norm(factor)
        state = State.prepare(num_qubits, ALONE, np.dtype(np.complex128), factor, 3)
        states.append(DensityState.from_factor(state))
    return states


def stack_of(states: list[DensityState]) -> DensityStack:
    return DensityStack(np.array([state.vector for state in states]))


def random_channel(rng: np.random.Generator, qubits: tuple[int, ...]) -> ChannelStep:
    side = 1 << len(qubits)
    matrix = rng.normal(size=(2 * side, side)) + 1j * rng.normal(size=(2 * side, side))
    return ChannelStep(qubits, np.linalg.qr(matrix)[0].reshape(2, side, side))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), number=st.integers(1, 9), num_qubits=st.integers(1, 6))
def test_steps(seed: int, number: int, num_qubits: int) -> None:
    rng = np.random.default_rng(seed)
    states = random_states(rng, number, num_qubits)
    stack = stack_of(states)
    widths = rng.integers(1, min(3, num_qubits) + 1, size=6)
    steps = [
        random_channel(rng, tuple(rng.permutation(num_qubits)[:width].tolist())) for width in widths
    ]
    for parts in stack_passes(steps, num_qubits):
        stack.apply(parts)
    for row, state in enumerate(states):
        for _ in state.run(steps):
            pass
        np.testing.assert_allclose(stack.vectors[row], state.vector, rtol=0, atol=1e-12)
        np.testing.assert_allclose(stack.probabilities()[row], state.probabilities(), atol=1e-12)
    assert stack.num_qubits == num_qubits


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), number=st.integers(1, 5), num_qubits=st.integers(1, 4))
def test_measured(seed: int, number: int, num_qubits: int) -> None:
    rng = np.random.default_rng(seed)
    states = random_states(rng, number, num_qubits)
    stack, qubit = stack_of(states), int(rng.integers(num_qubits))
    rows, outcomes = rng.integers(number, size=7), rng.integers(2, size=7)
    found = stack.measured(rows, outcomes, qubit)
    np.testing.assert_allclose(found.traces(), stack.traces()[rows], atol=1e-12)
    for place, (row, outcome) in enumerate(zip(rows, outcomes, strict=True)):
        state = states[row].copy()
        np.testing.assert_allclose(stack.masses(qubit)[row], state.marginal((qubit,)), atol=1e-12)
        state.project(PROJECTORS[outcome], (qubit,))
        expected = state.vector / state.trace()
        np.testing.assert_allclose(found.vectors[place], expected, rtol=0, atol=1e-12)


def test_those_that_are_taken_are_copies() -> None:
    states = random_states(np.random.default_rng(1), 3, 2)
    stack = stack_of(states)
    taken = stack.taken(np.array([2, 0, 2]))
    flip = transfer_matrix(np.array([[[0, 1], [1, 0]]], np.complex128))
    taken.apply([((1,), flip)])
    assert (stack.vectors == [state.vector for state in states]).all()
    assert (taken.vectors[0] == taken.vectors[2]).all()
    joined = stack.joined(taken)
    assert joined.vectors.shape == (6, 16)
    assert joined.bytes == 8 * 16 * 8
    one = joined.state(5, ALONE)
    assert one.trace() == pytest.approx(1)
    one.vector[0] = 7
    assert joined.traces()[5] == 7
