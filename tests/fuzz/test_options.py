"""Options of every type and size: they are taken, or refused with a text that names the option."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
import pytest
from fuzzing import fuzzed
from hypothesis import assume, given
from hypothesis import strategies as st
from qiskit import QuantumCircuit

from lret_dist import SimulationOptions
from lret_qiskit import LRETBackend
from lret_qiskit.backends.options import merged_options

Made = TypeVar("Made")
SIMULATION = sorted(field.name for field in fields(SimulationOptions))
BACKEND = sorted(dict(LRETBackend().options.__dict__))
#: Options that mean the same to a backend. Of its memory limit 0 and -1, as Aer's, mean none.
COMMON = {*SIMULATION} & {*BACKEND} - {"max_memory_mb"}
NUMBERS = st.one_of(
    st.integers(-(10**400), 10**400),
    st.integers(-3, 5),
    st.floats(),
    st.floats(0, 1),
    st.complex_numbers(),
    st.booleans(),
    st.sampled_from([np.int64(3), np.float32(0.5), np.nan, 10**300, 2**63, -(2**63) - 1]),
)
TEXTS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["auto", "row", "unbiased", "double", "GPU", "automatic", "low_rank", "\0"]),
)
PLAIN = st.one_of(st.none(), NUMBERS, TEXTS, st.binary(max_size=5))
ARRAYS = st.sampled_from(
    [np.zeros(0), np.zeros((2, 2)), np.ones(4), np.array([1, 0]), np.full(2, np.nan),
     np.array(["x"]), np.array([None]), np.zeros((1, 1, 1))]
)  # fmt: skip
OBJECTS = st.sampled_from([object(), int, len, iter([1]), range(3), QuantumCircuit(1), ...])
VALUES = st.one_of(
    PLAIN,
    ARRAYS,
    OBJECTS,
    st.recursive(
        PLAIN,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(TEXTS, inner, max_size=2)
        ),
        max_leaves=5,
    ),
)


def may_refuse(call: Callable[[], Made], name: str) -> Made | None:
    """Call; nothing but TypeError and ValueError, which name the option, may come of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except (TypeError, ValueError) as error:
        text = str(error)
    assert name.removesuffix("_simulator") in text, text
    return None


@pytest.mark.parametrize("name", SIMULATION)
@fuzzed(30)
@given(value=VALUES)
def test_simulation_options(name: str, value: Any) -> None:
    made = may_refuse(lambda: SimulationOptions(**{name: value}), name)
    if made is not None:
        # What is taken is kept in a form that is taken as it is.
        kept = getattr(made, name)
        assert repr(getattr(SimulationOptions(**{name: kept}), name)) == repr(kept)


@fuzzed(400)
@given(name=st.sampled_from(BACKEND), value=VALUES)
def test_backend_options(name: str, value: Any) -> None:
    made = may_refuse(lambda: merged_options(LRETBackend().options, {name: value}), name)
    if made is not None and value is not None and name in COMMON:
        alone = SimulationOptions(**{name: value})
        assert repr(getattr(made.simulation, name)) == repr(getattr(alone, name))


@fuzzed(60)
@given(st.dictionaries(st.sampled_from(SIMULATION), VALUES, min_size=2, max_size=5))
def test_simulation_options_together(values: dict[str, Any]) -> None:
    """Whichever is wrong is named."""
    try:
        SimulationOptions(**values)
    except (TypeError, ValueError) as error:
        text = str(error)
    else:
        return
    assert any(name in text for name in values), text


@fuzzed(60)
@given(value=VALUES)
def test_what_is_no_circuit(value: Any) -> None:
    assume(not isinstance(value, QuantumCircuit))
    assume(not hasattr(value, "__len__") or len(value))
    with pytest.raises((TypeError, ValueError)) as caught:
        LRETBackend().run(value)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epsilon", 10**400),
        ("max_memory_mb", 10**400),
        ("method", np.zeros(0)),
        ("truncation", np.zeros((2, 2))),
    ],
)
def test_huge_numbers_and_arrays_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=name):
        SimulationOptions(**{name: value})
