from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from random_circuits import amplitude_damping, depolarizing, pauli_noise, random_kraus

from lret_dist.numerics.channels import (
    as_kraus,
    as_readout_matrix,
    as_unitary,
    embed,
    kraus_and_probabilities,
    paulis,
    superoperator,
)

SEEDS = st.integers(0, 2**32)
WIDTHS = st.integers(1, 2)


def act(kraus: np.ndarray, rho: np.ndarray) -> np.ndarray:
    return sum(k @ rho @ k.conj().T for k in kraus)


def random_matrix(seed: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))


@given(seed=SEEDS, width=WIDTHS, number=st.integers(1, 5))
def test_superoperator_acts_on_stacked_columns(seed: int, width: int, number: int) -> None:
    kraus = random_kraus(np.random.default_rng(seed), width, number)
    rho = random_matrix(seed, 1 << width)
    image = superoperator(kraus) @ rho.ravel(order="F")
    np.testing.assert_allclose(image, act(kraus, rho).ravel(order="F"), atol=1e-12)


@given(seed=SEEDS, width=WIDTHS, number=st.integers(1, 20))
def test_fewest_kraus_operators_are_the_same_channel(seed: int, width: int, number: int) -> None:
    kraus = random_kraus(np.random.default_rng(seed), width, number)
    fewest, _ = kraus_and_probabilities(superoperator(kraus))
    rho = random_matrix(seed, 1 << width)
    np.testing.assert_allclose(act(fewest, rho), act(kraus, rho), atol=1e-12)
    assert len(fewest) <= min(number, 4**width)
    sizes = np.linalg.norm(fewest, axis=(1, 2))
    assert (np.diff(sizes) <= 1e-12).all()


def check_mixture(kraus: np.ndarray, expected: list[float] | None = None) -> None:
    """The channel is found to be a mixture of unitaries, and stays the same channel."""
    found, probabilities = kraus_and_probabilities(superoperator(kraus))
    assert probabilities is not None
    assert probabilities.sum() == pytest.approx(1, abs=1e-13)
    for probability, operator in zip(probabilities, found, strict=True):
        product = operator.conj().T @ operator
        np.testing.assert_allclose(product, probability * np.eye(len(product)), atol=2e-15)
    np.testing.assert_allclose(superoperator(found), superoperator(kraus), rtol=0, atol=1e-13)
    if expected is not None:
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-14)


@given(seed=SEEDS, width=WIDTHS)
def test_pauli_channels_are_recognised(seed: int, width: int) -> None:
    kraus = pauli_noise(np.random.default_rng(seed), width, 0.2)
    sizes = np.linalg.norm(kraus, axis=(1, 2)) ** 2 / 2**width
    check_mixture(kraus, sorted(sizes, reverse=True))


@given(seed=SEEDS, number=st.integers(2, 6))
@example(seed=31507825, number=2)
def test_mixtures_of_unitaries_on_one_qubit_are_recognised(seed: int, number: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(number))
    unitaries = [random_kraus(rng, 1, 1)[0] for _ in weights]
    check_mixture(np.array([np.sqrt(w) * u for w, u in zip(weights, unitaries, strict=True)]))


def test_correlated_phase_noise_is_a_mixture_of_unitaries() -> None:
    turn = np.diag(np.exp(0.2j * np.array([1, -1, -1, 1])))
    check_mixture(np.array([np.sqrt(0.7) * np.eye(4), np.sqrt(0.3) * turn]))


def test_other_channels_are_no_mixtures_of_unitaries() -> None:
    for kraus in (amplitude_damping(0.1), random_kraus(np.random.default_rng(0), 2, 3)):
        assert kraus_and_probabilities(superoperator(kraus))[1] is None


def test_depolarizing_stays_a_mixture_under_rotation() -> None:
    rotation = random_kraus(np.random.default_rng(1), 1, 1)[0]
    turned = rotation @ depolarizing(1, 0.1) @ rotation.conj().T
    check_mixture(turned, [0.925, 0.025, 0.025, 0.025])


@pytest.mark.parametrize("width", [1, 2])
def test_paulis_are_orthogonal_and_begin_with_the_identity(width: int) -> None:
    matrices = paulis(width)
    np.testing.assert_array_equal(matrices[0], np.eye(1 << width))
    overlaps = np.einsum("aij,bij->ab", matrices.conj(), matrices)
    np.testing.assert_allclose(overlaps, (1 << width) * np.eye(4**width))


def test_embed_follows_the_order_of_the_positions() -> None:
    control_is_first = np.eye(4)[[0, 3, 2, 1]]
    flipped = embed(control_is_first, [1, 0], 2)
    np.testing.assert_array_equal(flipped, np.eye(4)[[0, 1, 3, 2]])
    one = random_matrix(0, 2)
    np.testing.assert_array_equal(embed(one, [1], 3), np.kron(np.eye(2), np.kron(one, np.eye(2))))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([[1, 1], [0, 1]], "not unitary: .* differs from 1 by 1"),
        (np.eye(3), r"must have shape \(2\*\*k, 2\*\*k\), got \(3, 3\)"),
        ([1, 0], "must be a 2-D matrix, got 1 dimensions"),
        ([[np.nan, 0], [0, 1]], "must have finite entries"),
        ([[1, 0], [0]], "must be numeric and of one shape"),
        ("text", "must be numeric"),
    ],
)
def test_bad_unitaries(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        as_unitary(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([np.eye(2), np.eye(2)], "do not preserve the trace: .* differs from 1 by 1"),
        (np.zeros((0, 2, 2)), "must be a list of square matrices"),
        (np.ones((2, 2, 2, 2)), "must be a list of square matrices"),
        ([np.eye(6)], "must have shape"),
        ([[[np.inf, 0], [0, 1]]], "must have finite entries"),
    ],
)
def test_bad_kraus_operators(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        as_kraus(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.eye(4), r"shape \(2, 2\), got \(4, 4\)"),
        ([[1.2, -0.2], [0, 1]], "not negative"),
        ([[0.9, 0.2], [0, 1]], "must sum to 1"),
    ],
)
def test_bad_readout_matrices(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        as_readout_matrix(value)  # type: ignore[arg-type]
