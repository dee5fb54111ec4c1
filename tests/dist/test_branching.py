from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_circuits import brick_wall, brick_wall_noise, random_kraus

from lret_dist.factors.branching import NUM_BINS, Bins, candidate_weights, choose
from lret_dist.factors.budget import CompressionPolicy, TruncationBudget
from lret_dist.factors.factor import Factor
from lret_dist.planning.cost import expected_ranks
from lret_dist.programs.fusion import fuse
from lret_dist.programs.program import ChannelStep
from lret_dist.records.run_records import Path

WEIGHTS = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(weights=WEIGHTS, allowance=st.floats(0, 2))
def test_a_cut_by_weight_drops_no_more_than_allowed(weights: list[float], allowance: float) -> None:
    bins = Bins.of(np.array([weights]))
    cut = bins.cut_for_weight(allowance)
    kept = choose(np.array([[0.0] * len(weights), weights]), cut)
    dropped = sum(weights) - kept.weights.sum()
    assert dropped <= allowance + 1e-14
    assert dropped == pytest.approx(bins.weight_below(cut), abs=1e-14)
    assert len(kept) == bins.number_from(cut)
    # The largest that was dropped is about as small as the smallest that was kept.
    gone = sorted(weights)[: len(weights) - len(kept)]
    assert not gone or not len(kept) or gone[-1] <= kept.weights.min() + 1e-17


@given(weights=WEIGHTS, number=st.integers(0, 70))
def test_a_cut_by_number_keeps_no_more(weights: list[float], number: int) -> None:
    bins = Bins.of(np.array([weights]))
    assert bins.number_from(bins.cut_for_number(number)) <= number


def test_nothing_allowed_drops_rounding_only() -> None:
    bins = Bins.of(np.array([[1e-30, 0.0, 1e-12, 0.5, 1.0]]))
    assert bins.number_from(bins.cut_for_weight(0.0)) == 3
    assert bins.data.shape == (2, NUM_BINS)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_candidate_weights_are_squared_norms(width: int) -> None:
    rng = np.random.default_rng(width)
    step = ChannelStep(tuple(range(width)), random_kraus(rng, width, 3))
    columns = rng.normal(size=(32, 4)) + 1j * rng.normal(size=(32, 4))
    factor = Factor.from_columns(columns, np.linalg.norm(columns, axis=0) ** 2, 4)
    bits = list(rng.permutation(5)[:width])
    weights, partial = candidate_weights(factor, step, bits, ((), ()))
    assert partial
    for number, operator in enumerate(step.kraus):
        image = Factor.from_columns(columns, factor.weights, 4)
        from lret_dist import _core

        _core.apply_matrix(image.block, bits, np.ascontiguousarray(operator))
        np.testing.assert_allclose(weights[number], np.linalg.norm(image.block, axis=0) ** 2)


def test_budget_is_shared_by_noise_weight_and_what_is_left_goes_on() -> None:
    program = fuse(brick_wall_noise(1e-3, 1e-2).bind(brick_wall(5, 4)))
    budget = TruncationBudget(program, 1e-2)
    free = [budget.free(step) for step in range(len(program.steps))]
    assert free == sorted(free)
    assert free[-1] == pytest.approx(1e-2)
    budget.discarded = 4e-3
    assert budget.free(0) == 0
    assert budget.free(len(free) - 1) == pytest.approx(6e-3)


def test_compression_follows_growth_and_the_dimension() -> None:
    policy = CompressionPolicy(10, 100)
    assert not policy.wants(CompressionPolicy.LEAST_COLUMNS - 1, 50)
    assert policy.wants(CompressionPolicy.LEAST_COLUMNS, 50)
    policy.record(100, 30)
    assert not policy.wants(int(100 * CompressionPolicy.GROWTH_OF_MANY) - 1, 50)
    assert policy.wants(int(100 * CompressionPolicy.GROWTH_OF_MANY) + 1, 50)
    wider = CompressionPolicy(16, 100)
    wider.record(100, 30)
    assert not wider.wants(int(100 * CompressionPolicy.GROWTH) - 1, 50)
    assert wider.wants(int(100 * CompressionPolicy.GROWTH) + 1, 50)
    assert not policy.wants(1024, 99)
    assert policy.wants(1025, 99)


def test_compression_is_left_out_where_few_steps_would_gain_by_it() -> None:
    policy = CompressionPolicy(14, 110)
    policy.record(200, 9)
    wanted = [policy.wants(700, step) for step in range(10, 110)]
    assert wanted == sorted(wanted, reverse=True)
    assert wanted[0]
    assert not wanted[98]


def test_columns_that_multiply_fast_are_compressed_for_fewer_steps() -> None:
    fast, slow = CompressionPolicy(14, 200), CompressionPolicy(14, 200)
    fast.record(50, 175)
    slow.record(50, 50)
    assert fast.wants(200, 180)
    assert not slow.wants(200, 180)


def test_outcomes_of_a_measurement_have_budgets_and_policies_of_their_own() -> None:
    program = fuse(brick_wall_noise(1e-4, 1e-3).bind(brick_wall(4, 2)))
    before = Path(0, slice(0, 10), TruncationBudget(program, 1e-2), CompressionPolicy(4, 20))
    before.budget.discarded = 1e-3
    zero, one = before.child(slice(0, 4)), before.child(slice(4, 10))
    zero.policy.record(7, 12)
    zero.budget.discarded += 1e-3
    for other in (before, one):
        assert other.policy.left == CompressionPolicy(4, 20).left
        assert other.budget.discarded == 1e-3


def test_expected_rank_grows_with_noise_and_stays_below_the_dimension() -> None:
    circuit = brick_wall(6, 6)
    ranks = [
        expected_ranks(fuse(brick_wall_noise(p, 10 * p).bind(circuit)), 1e-2, None)[-1]
        for p in (1e-6, 1e-4, 1e-2)
    ]
    assert ranks == sorted(ranks)
    assert ranks[-1] <= 64
    assert set(expected_ranks(fuse(circuit), 1e-2, None)) == {1}
