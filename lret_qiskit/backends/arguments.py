"""Arguments that a backend is made with."""

from __future__ import annotations

from operator import index
from typing import Any

__all__ = ["checked_arguments", "positive"]


def checked_arguments(provider: Any, name: Any, num_qubits: Any) -> int:
    """The number of qubits of a backend that is made with these.

    Raises:
        TypeError: for a name in the provider's place, or a value of the wrong type.
        ValueError: for fewer than one qubit.
    """
    if isinstance(provider, str) or not isinstance(name, str):
        raise TypeError(
            f"a backend's name is a string given as name=..., got {name!r} and provider "
            f"{provider!r}; LRETProvider().get_backend(name) gives LRET's own backends by name"
        )
    return positive("num_qubits", num_qubits)


def positive(name: str, value: Any) -> int:
    """An integer of at least 1; errors call it by its name.

    Raises:
        TypeError: when it is not an integer.
        ValueError: when it is less than one.
    """
    wrong = TypeError(f"{name} must be an integer, got {value!r}")
    if isinstance(value, bool):
        raise wrong
    try:
        number = index(value)
    except TypeError:
        raise wrong from None
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number
