from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_circuits import ComplexArray, add_random_gate, brick_wall, random_kraus

from lret_dist import Circuit, simulate
from lret_dist.numerics.operators import Operator
from lret_dist.programs.fusion import fuse
from lret_dist.programs.program import ChannelStep, Program, SaveStep, Step, UnitaryStep
from lret_dist.programs.stretches import merge_unitaries


@pytest.fixture(autouse=True)
def merge_small_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lret_dist.programs.stretches._FEWEST_QUBITS", 10)


def unmerged(program: Program) -> list[Step]:
    """The steps before any were merged, though in the order of the merged ones."""
    steps: list[Step] = []
    for step in program.steps:
        steps += step.narrow if isinstance(step, UnitaryStep | ChannelStep) else (step,)
    return steps


def applied(matrix: ComplexArray, qubits: tuple[int, ...], state: ComplexArray) -> ComplexArray:
    """A matrix times a state vector, by einsum."""
    n = len(state).bit_length() - 1
    axes = [n - 1 - q for q in reversed(qubits)]
    tensor = np.moveaxis(state.reshape((2,) * n), axes, range(len(axes)))
    product = matrix @ tensor.reshape(len(matrix), -1)
    return np.moveaxis(product.reshape((2,) * n), range(len(axes)), axes).reshape(-1)


def final_state(steps: list[Step], state: ComplexArray) -> ComplexArray:
    """The state vector after the dominant operators of all steps."""
    for step in steps:
        if isinstance(step, UnitaryStep):
            state = applied(step.operator.matrix, step.qubits, state)
        elif isinstance(step, ChannelStep):
            state = applied(step.kraus[0], step.qubits, state)
    return state


@given(seed=st.integers(0, 2**32), noise=st.sampled_from([0.0, 0.1]))
@settings(max_examples=30, deadline=None)
def test_merging_does_not_change_the_state(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    circuit = Circuit(10)
    for _ in range(60):
        add_random_gate(circuit, rng)
        if rng.random() < noise:
            circuit.channel(random_kraus(rng, 1, 3), [int(rng.integers(10))])
    steps = [*unmerged(fuse(circuit))]
    state = rng.normal(size=1024) + 1j * rng.normal(size=1024)
    state /= np.linalg.norm(state)
    merged = merge_unitaries(steps, 10)
    assert len(merged) <= len(steps)
    expected = final_state(steps, state)
    np.testing.assert_allclose(final_state(merged, state), expected, rtol=0, atol=1e-12)


def test_the_order_of_steps_that_share_qubits_stays() -> None:
    rng = np.random.default_rng(3)
    circuit = Circuit(12)
    for _ in range(40):
        circuit.gate("cx", rng.permutation(12)[:2]).gate("h", [int(rng.integers(12))])
    gates = [(gate.matrix, gate.qubits) for gate in circuit]
    state = rng.normal(size=4096) + 1j * rng.normal(size=4096)
    expected = state
    for matrix, qubits in gates:
        expected = applied(matrix, qubits, expected)
    found = final_state(fuse(circuit).steps, state)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.linalg.norm(state))


def test_diagonal_gates_become_one_diagonal() -> None:
    circuit = Circuit(10)
    for qubit in range(1, 6):
        circuit.gate("cp", [0, qubit], 0.1 * qubit)
    (step,) = fuse(circuit).steps
    assert isinstance(step, UnitaryStep)
    assert step.operator.is_diagonal
    assert sorted(step.qubits) == [0, 1, 2, 3, 4, 5]
    assert len(step.merged) == 5


def test_three_qubits_with_much_between_them_become_one_unitary() -> None:
    program = fuse(brick_wall(10, 1))
    assert not any(step.merged for step in program.steps if isinstance(step, UnitaryStep))
    circuit = Circuit(10)
    for _ in range(3):
        circuit.gate("h", [0]).gate("cx", [0, 1]).gate("h", [2]).gate("cx", [1, 2])
    (step,) = fuse(circuit).steps
    assert isinstance(step, UnitaryStep)
    assert len(step.qubits) == 3


def test_nothing_moves_past_noise_or_saves_on_its_qubits() -> None:
    kraus = random_kraus(np.random.default_rng(1), 2, 2)
    circuit = Circuit(10).gate("cp", [0, 1], 0.3).channel(kraus, [1, 2]).gate("cp", [1, 3], 0.2)
    assert [type(step) for step in fuse(circuit).steps] == [UnitaryStep, ChannelStep, UnitaryStep]
    saved = Circuit(10).gate("cp", [0, 1], 0.3).save_probabilities([5], key="p")
    saved.gate("cp", [1, 3], 0.2)
    assert [type(s) for s in fuse(saved).steps] == [UnitaryStep, SaveStep, UnitaryStep]


def test_small_states_are_left_alone() -> None:
    circuit = Circuit(5).gate("cp", [0, 1], 0.3).gate("cp", [1, 2], 0.2)
    assert len(fuse(circuit).steps) == 2


@pytest.mark.parametrize(
    ("method", "truncation"),
    [("low_rank", "certified"), ("density_matrix", "certified"), ("low_rank", "unbiased")],
)
def test_every_method_takes_merged_steps(method: str, truncation: str) -> None:
    rng = np.random.default_rng(9)
    circuit = Circuit(10)
    for qubit in range(10):
        circuit.gate("h", [qubit])
    for qubit in range(9):
        circuit.gate("cp", [qubit, qubit + 1], rng.uniform(0, 3))
    for qubit in range(2):
        circuit.gate("rx", [qubit], 0.4).gate("cx", [qubit, qubit + 1]).gate("ry", [qubit], 0.2)
    expected = np.zeros(1024, complex)
    expected[0] = 1
    for gate in circuit:
        expected = applied(gate.matrix, gate.qubits, expected)
    circuit.save_probabilities(key="p")
    found = simulate(circuit, shots=0, method=method, truncation=truncation)
    np.testing.assert_allclose(found.data["p"], np.abs(expected) ** 2, rtol=0, atol=1e-12)


def test_cost_follows_the_structure() -> None:
    dense = Operator(random_kraus(np.random.default_rng(2), 3, 1)[0])
    diagonal = Operator(np.diag(np.exp(1j * np.arange(8))))
    permuted = Operator(np.eye(8)[[1, 0, 2, 3, 4, 5, 7, 6]].astype(complex))
    controlled = np.eye(8, dtype=complex)
    controlled[6:, 6:] = random_kraus(np.random.default_rng(2), 1, 1)[0]
    costs = [diagonal.cost, permuted.cost, dense.cost]
    assert costs == sorted(costs)
    assert Operator(controlled).cost < diagonal.cost
