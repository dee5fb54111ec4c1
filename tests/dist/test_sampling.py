"""Random numbers: streams that share nothing."""

from collections import Counter
from itertools import product

import numpy as np
from scipy.stats import chisquare, kstest

from lret_dist import Circuit, simulate
from lret_dist.numerics.sampling import Purpose, random_key, uniforms

SEEDS = (0, 7, 2**40 + 1)


def test_keys_differ_by_purpose_and_names() -> None:
    """Also where names only have zeros behind another one."""
    names = [key for length in range(4) for key in product((0, 1, 2), repeat=length)]
    keys = {random_key(seed, use, *each) for seed in SEEDS for use in Purpose for each in names}
    assert len(keys) == len(SEEDS) * len(Purpose) * len(names)
    assert all(0 <= key < 2**64 for key in keys)


def test_numbers_differ_by_purpose_draw_and_shot() -> None:
    shots = np.arange(50)
    found = [
        uniforms(seed, use, draw, shots) for seed in SEEDS for use in Purpose for draw in range(20)
    ]
    assert len(np.unique(found)) == len(SEEDS) * len(Purpose) * 20 * 50
    assert kstest(np.ravel(found), "uniform").pvalue > 1e-6


def test_a_shot_has_its_numbers_whatever_others_there_are() -> None:
    shots = np.arange(100)
    draws = shots % 3
    together = uniforms(5, Purpose.OUTCOME, draws, shots)
    chosen = shots[::-7]
    assert (uniforms(5, Purpose.OUTCOME, draws[chosen], chosen) == together[chosen]).all()
    assert (uniforms(5, Purpose.OUTCOME, 1, shots)[draws == 1] == together[draws == 1]).all()


def test_outcomes_of_one_shot_are_independent() -> None:
    circuit = Circuit(1, 3)
    for clbit in range(3):
        circuit.gate("h", [0]).measure(0, clbit)
    circuit.gate("h", [0]).gate("z", [0]).measure(0, 2)
    found: Counter[int] = Counter()
    for seed in range(400):
        found.update(simulate(circuit, shots=1, seed=seed).counts())
    assert chisquare([found[bits] for bits in range(8)]).pvalue > 1e-6
