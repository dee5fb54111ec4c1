"""Settings and mutations that the fuzz tests share.

LRET_FUZZ_EXAMPLES=5000 makes every test take so many examples, each time others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

__all__ = ["damaged", "fuzzed", "mutated"]

_EXAMPLES = os.environ.get("LRET_FUZZ_EXAMPLES")
#: Values that stand where others are expected.
_ODD = [
    None, True, False, 0, 1, -1, 2, 2**31, 2**63, 10**30, 10**309, 0.5, -0.0, 1e-320, 1e308,
    "", "x", "cx", "\0", "ψ" * 2000, "\ud800", [], [[]], {}, {"": []}, [0] * 50, [[1, 0], [0, 1]],
]  # fmt: skip


def fuzzed(examples: int) -> Callable[[Any], Any]:
    """Settings of a fuzz test: so many examples, or as many as the environment says."""
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(
        max_examples=int(_EXAMPLES) if _EXAMPLES else examples,
        derandomize=_EXAMPLES is None,
        database=None,
        deadline=None,
        suppress_health_check=slow,
    )


@st.composite
def damaged(draw: st.DrawFn, content: bytes, most: int = 4) -> bytes:
    """Bytes that were changed in a few places: flipped, cut, inserted, repeated or moved."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.sampled_from([1, 2, 4, 8, 64, 4096]))
        match draw(st.integers(0, 5)):
            case 0 if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[place:]
            case 2:
                del data[place : place + length]
            case 3:
                data[place:place] = draw(st.binary(max_size=16))
            case 4:
                data[place : place + length] = bytes([draw(st.integers(0, 255))]) * length
            case _:
                other = draw(st.integers(0, max(0, len(data) - 1)))
                data[place : place + length] = data[other : other + length]
    return bytes(data)


@st.composite
def mutated(draw: st.DrawFn, document: Any, most: int = 3) -> Any:
    """Plain data in which values at a few places were replaced, removed, doubled or renamed.

    The document itself must not be used any more.
    """
    for _ in range(draw(st.integers(1, most))):
        document = _changed(draw, document)
    return document


def _odd(draw: st.DrawFn) -> Any:
    # Later changes may go into it.
    return deepcopy(draw(st.sampled_from(_ODD)))


def _changed(draw: st.DrawFn, value: Any) -> Any:
    """One change, somewhere in the value."""
    inside = isinstance(value, dict | list) and value and draw(st.integers(0, 7))
    if not inside:
        return _odd(draw)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = draw(st.sampled_from(keys))
    match draw(st.integers(0, 11)):
        case 0:
            del value[key]
        case 1 if isinstance(value, list):
            value.insert(key, deepcopy(value[key]) if draw(st.booleans()) else _odd(draw))
        case 1:
            value[draw(st.sampled_from(["", "qubits", "kraus", "x"]))] = value.pop(key)
        case _:
            value[key] = _changed(draw, value[key])
    return value
