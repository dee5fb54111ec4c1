"""Every number that a factor gives, against the whole density matrix in Qiskit's hands."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qiskit import quantum_info as qi

from lret_dist import LowRankState

ComplexArray = NDArray[np.complex128]
seeds = st.integers(0, 2**32 - 1)


def random_columns(seed: int, num_qubits: int, rank: int) -> ComplexArray:
    """Columns of very different weight."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(1 << num_qubits, rank)) + 1j * rng.normal(
        size=(1 << num_qubits, rank)
    )
    columns *= 10.0 ** -rng.uniform(0, 2, rank)
    return columns / np.linalg.norm(columns)


def dense(columns: ComplexArray) -> qi.DensityMatrix:
    return qi.DensityMatrix(columns @ columns.conj().T)


@st.composite
def pairs(draw: Any) -> tuple[ComplexArray, ComplexArray]:
    """Factors of two states of as many qubits; some have more columns than rows."""
    num_qubits = draw(st.integers(1, 4))
    ranks = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    seed = draw(seeds)
    one, other = (random_columns(seed + n, num_qubits, rank) for n, rank in enumerate(ranks))
    return one, other


@given(pairs())
@settings(max_examples=40, deadline=None)
def test_spectrum(pair: tuple[ComplexArray, ComplexArray]) -> None:
    state, rho = LowRankState(pair[0]), dense(pair[0])
    assert state.num_qubits == rho.num_qubits
    assert state.rank == pair[0].shape[1]
    assert state.purity() == pytest.approx(rho.purity().real, abs=1e-12)
    for base in (2, np.e, 10):
        assert state.entropy(base) == pytest.approx(qi.entropy(rho, base), abs=1e-9)
    exact = np.linalg.eigvalsh(rho.data)[::-1]
    found = state.eigenvalues()
    np.testing.assert_allclose(found, exact[: len(found)], atol=1e-13)
    assert exact[len(found) :].sum() < 1e-13


@given(pairs())
@settings(max_examples=40, deadline=None)
def test_distances(pair: tuple[ComplexArray, ComplexArray]) -> None:
    (one, other), (rho, sigma) = map(LowRankState, pair), map(dense, pair)
    fidelity = qi.state_fidelity(rho, sigma)
    distance = np.abs(np.linalg.eigvalsh(rho.data - sigma.data)).sum() / 2
    overlap = np.trace(rho.data @ sigma.data).real
    for given_as in (other, pair[1], sigma):
        # Rounding in rho shows as its square root.
        assert one.fidelity(given_as) == pytest.approx(fidelity, abs=1e-6)
        assert one.trace_distance(given_as) == pytest.approx(distance, abs=1e-12)
        assert one.inner_product(given_as) == pytest.approx(overlap, abs=1e-12)
    vector = pair[1][:, 0] / np.linalg.norm(pair[1][:, 0])
    exact = (vector.conj() @ rho.data @ vector).real
    assert one.fidelity(vector) == pytest.approx(exact, abs=1e-12)
    assert one.fidelity(qi.Statevector(vector)) == pytest.approx(exact, abs=1e-12)
    assert one.fidelity(one) == pytest.approx(1, abs=1e-9)


@given(pairs(), seeds)
@settings(max_examples=40, deadline=None)
def test_some_qubits(pair: tuple[ComplexArray, ComplexArray], seed: int) -> None:
    state, rho = LowRankState(pair[0]), dense(pair[0])
    rng = np.random.default_rng(seed)
    qubits = rng.permutation(state.num_qubits)[: rng.integers(1, state.num_qubits + 1)].tolist()
    rest = [qubit for qubit in range(state.num_qubits) if qubit not in qubits]
    exact = qi.partial_trace(rho, rest)
    np.testing.assert_allclose(state.density_matrix(sorted(qubits)), exact.data, atol=1e-12)
    np.testing.assert_allclose(state.probabilities(), rho.probabilities(), atol=1e-12)
    np.testing.assert_allclose(state.probabilities(qubits), rho.probabilities(qubits), atol=1e-12)
    diagonal = state.density_matrix(qubits).diagonal()
    np.testing.assert_allclose(diagonal, rho.probabilities(qubits), atol=1e-12)
    part = state.partial_trace(rest) if rest else state.compressed()
    np.testing.assert_allclose(dense(part.columns).data, exact.data, atol=1e-12)
    assert part.rank <= 1 << len(qubits)


@given(pairs(), seeds)
@settings(max_examples=40, deadline=None)
def test_expectation_values(pair: tuple[ComplexArray, ComplexArray], seed: int) -> None:
    state, rho = LowRankState(pair[0]), dense(pair[0])
    rng = np.random.default_rng(seed)
    n = state.num_qubits
    strings = ["".join(rng.choice(list("IXYZ"), n)) for _ in range(4)]
    operator = qi.SparsePauliOp(strings, rng.normal(size=4))
    exact = rho.expectation_value(operator).real
    assert state.expectation_value(operator) == pytest.approx(exact, abs=1e-12)
    assert state.expectation_value(operator.to_list()) == pytest.approx(exact, abs=1e-12)
    one = rho.expectation_value(qi.Pauli(strings[0])).real
    assert state.expectation_value(strings[0]) == pytest.approx(one, abs=1e-12)
    assert state.expectation_value({strings[0]: -2.0}) == pytest.approx(-2 * one, abs=1e-12)
    qubits = rng.permutation(n)[: rng.integers(1, n + 1)].tolist()
    string = "".join(rng.choice(list("IXYZ"), len(qubits)))
    exact = rho.expectation_value(qi.Pauli(string), qubits).real
    assert state.expectation_value(string, qubits) == pytest.approx(exact, abs=1e-12)


@given(pairs(), st.floats(0, 0.5))
@settings(max_examples=40, deadline=None)
def test_compression_is_within_its_error(
    pair: tuple[ComplexArray, ComplexArray], epsilon: float
) -> None:
    state = LowRankState(pair[0])
    small = state.compressed(epsilon)
    assert small.rank <= min(state.rank, 1 << state.num_qubits)
    assert state.trace_distance(small) <= epsilon + 1e-12
    assert np.linalg.norm(small.columns) == pytest.approx(1)
    values = np.linalg.eigvalsh(dense(pair[0]).data)
    if small.rank > 1:
        # One column fewer would be too few.
        assert np.sort(values)[: -small.rank + 1].sum() > epsilon - 1e-12


def test_a_factor_is_normalised_copied_and_read_only() -> None:
    columns = np.array([[3.0, 0], [0, 4.0]])
    state = LowRankState(columns)
    columns[:] = 0
    np.testing.assert_allclose(state.columns, np.diag([0.6, 0.8]))
    with pytest.raises(ValueError, match="read-only"):
        state.columns[0, 0] = 1
    assert LowRankState([0, 2j]).density_matrix([0])[1, 1] == pytest.approx(1)
    assert repr(state) == "LowRankState(num_qubits=1, rank=2)"


def test_copies_and_pickles() -> None:
    state = LowRankState(random_columns(0, 3, 17))
    again = pickle.loads(pickle.dumps(state))
    np.testing.assert_allclose(again.columns, state.columns, atol=1e-15)
    assert copy.deepcopy(state) is copy.copy(state) is state.gather() is state


def test_a_large_state_needs_no_density_matrix() -> None:
    """On 20 qubits that would take 16 TiB."""
    columns = np.zeros((1 << 20, 2))
    columns[0, 0] = columns[-1, 0] = columns[5, 1] = 1
    state = LowRankState(columns)
    assert state.purity() == pytest.approx(5 / 9)
    assert state.expectation_value("X" * 20) == pytest.approx(2 / 3)
    assert state.fidelity(columns[:, 1]) == pytest.approx(1 / 3)
    assert state.trace_distance(columns[:, 1]) == pytest.approx(2 / 3)
    assert state.partial_trace(range(2, 20)).rank == 3
    assert state.partial_trace([0]).eigenvalues() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0][:3])


@pytest.mark.parametrize(
    ("columns", "error", "text"),
    [
        (np.zeros((4, 1)), ValueError, "not all zero"),
        (np.full((4, 1), np.nan), ValueError, "finite"),
        (np.ones((3, 1)), ValueError, r"shape \(2\*\*n, rank\).*got \(3, 1\)"),
        (np.ones((1, 1)), ValueError, "shape"),
        (np.ones((4, 0)), ValueError, "shape"),
        (np.ones((2, 2, 2)), ValueError, "shape"),
        ("rho", TypeError, "array of numbers, got str"),
    ],
)
def test_wrong_columns(columns: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        LowRankState(columns)


@pytest.mark.parametrize(
    ("ask", "error", "text"),
    [
        (lambda s: s.entropy(1), ValueError, "base must be a positive number"),
        (lambda s: s.entropy(-2), ValueError, "base must be"),
        (lambda s: s.probabilities([3]), ValueError, "qubit 3 is out of range"),
        (lambda s: s.density_matrix([0, 0]), ValueError, "distinct"),
        (lambda s: s.density_matrix([]), ValueError, "at least one"),
        (lambda s: s.density_matrix([0.5]), TypeError, "list of integers"),
        (lambda s: s.partial_trace([0, 1]), ValueError, "must be left"),
        (lambda s: s.expectation_value("XYZ"), ValueError, "2 characters"),
        (lambda s: s.expectation_value("AB"), ValueError, "I, X, Y, Z"),
        (lambda s: s.expectation_value({"XX": 1j}), ValueError, "Hermitian"),
        (lambda s: s.expectation_value({"XX": np.nan}), ValueError, "Hermitian"),
        (lambda s: s.expectation_value(3), TypeError, "observable must be a Pauli string"),
        (lambda s: s.fidelity(LowRankState([1, 0])), ValueError, "must have 2 qubits, got 1"),
        (lambda s: s.fidelity([1, 0]), ValueError, "the other state of 2 qubits needs 4 rows"),
        (lambda s: s.fidelity([1, 1, 0, 0]), ValueError, "the other state.*trace one"),
        (lambda s: s.fidelity([np.nan, 1, 0, 0]), ValueError, "finite"),
        (lambda s: s.fidelity("psi"), TypeError, "LowRankState.*got str"),
        (lambda s: s.trace_distance(None), TypeError, "the other state"),
        (lambda s: s.compressed(1.0), ValueError, "epsilon must be a number in"),
        (lambda s: s.compressed("all"), ValueError, "epsilon must be"),
    ],
)
def test_wrong_questions(
    ask: Callable[[LowRankState], object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        ask(LowRankState(np.eye(4)))
