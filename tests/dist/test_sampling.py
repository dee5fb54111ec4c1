"""Random numbers: streams that share nothing."""

from collections import Counter
from itertools import product

from scipy.stats import chisquare

from lret_dist import Circuit, simulate
from lret_dist.sampling import Purpose, generator


def test_streams_differ_by_purpose_and_key() -> None:
    """Also where a key only has zeros behind another one, as histories of outcome 0 have."""
    keys = [key for length in range(4) for key in product((0, 1, 2), repeat=length)]
    for seed in (0, 7, 2**40 + 1):
        first = {generator(seed, use, *key).random() for use in Purpose for key in keys}
        assert len(first) == len(Purpose) * len(keys)


def test_outcomes_of_one_shot_are_independent() -> None:
    circuit = Circuit(1, 3)
    for clbit in range(3):
        circuit.gate("h", [0]).measure(0, clbit)
    circuit.gate("h", [0]).gate("z", [0]).measure(0, 2)
    found: Counter[int] = Counter()
    for seed in range(400):
        found.update(simulate(circuit, shots=1, seed=seed).counts())
    assert chisquare([found[bits] for bits in range(8)]).pvalue > 1e-6
