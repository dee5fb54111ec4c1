"""What becomes of the values that shots save, by subtype."""

import numpy as np
import pytest

from lret_dist import SaveProbabilities
from lret_dist.records.saved_values import SavedValues

SHOTS = 4


def values_of(subtype: str) -> SavedValues:
    """Shots 2 and 0 save 1, then shots 3 and 1 save 2, then shot 0 saves 5."""
    values = SavedValues()
    save = SaveProbabilities("p", (0,), subtype=subtype)
    registers = [[7, 9], [7, 7], [9]] if subtype.startswith("c_") else [None] * 3
    parts = ([2, 0], np.array([1.0])), ([3, 1], np.array([2.0])), ([0], np.array([5.0]))
    for (shots, value), each in zip(parts, registers, strict=True):
        values.add(save, value, np.array(shots), each)
    return values


@pytest.mark.parametrize(
    ("subtype", "expected"),
    [
        ("average", 11 / 5),
        ("accum", 11),
        ("single", 2),
        ("list", [1, 5, 2, 1, 2]),
        ("c_average", {7: 5 / 3, 9: 3}),
        ("c_accum", {7: 5, 9: 6}),
        ("c_single", {7: 2, 9: 5}),
        ("c_list", {7: [2, 1, 2], 9: [1, 5]}),
    ],
)
def test_subtypes(subtype: str, expected: object) -> None:
    for values in (values_of(subtype), _packed(values_of(subtype))):
        found = values.results(SHOTS)["p"]
        assert _plain(found) == _plain(expected)


def _packed(values: SavedValues) -> SavedValues:
    return SavedValues.unpack(*values.pack())


def _plain(found: object) -> object:
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_plain(value) for value in found]
    return round(float(np.squeeze(found)), 9)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("subtype", "expected"),
    [("average", 3), ("accum", 12), ("c_accum", {0: 12}), ("single", 3), ("c_list", {0: [3]})],
)
def test_a_value_that_stands_for_all_shots(subtype: str, expected: object) -> None:
    values = SavedValues()
    register = [0] if subtype.startswith("c_") else None
    save = SaveProbabilities("p", (0,), subtype=subtype)
    values.add(save, np.array([3.0]), np.zeros(0, np.int64), register)
    assert _plain(values.results(SHOTS)["p"]) == _plain(expected)


def test_one_shot_is_no_stand_in_for_all() -> None:
    values = SavedValues()
    save = SaveProbabilities("p", (0,), subtype="c_accum")
    values.add(save, np.array([3.0]), np.array([1]), [6])
    assert _plain(values.results(SHOTS)["p"]) == {6: 3}
