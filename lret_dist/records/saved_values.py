"""Values that the shots of a run have saved, on the driver."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from lret_dist.circuits.saves import Save

__all__ = ["SavedValues"]


@dataclass
class _Sum:
    """A sum of values.

    Attributes:
        total: the sum.
        shots: number of shots that it is of, or 1 where it stands for all of them.
        whole: whether it stands for all shots, and was not counted shot by shot.
    """

    total: Any = 0.0
    shots: int = 0
    whole: bool = False


@dataclass
class _Record:
    """A value that some shots have saved.

    Attributes:
        shots: numbers of the shots.
        registers: what their classical registers were, or None where that does not matter.
        value: the value.
    """

    shots: NDArray[np.int64]
    registers: list[int] | None
    value: Any


@dataclass
class _Entry:
    """All that is known of one saved quantity, by its subtype."""

    subtype: str
    sums: dict[int | None, _Sum] = field(default_factory=dict)
    records: list[_Record] = field(default_factory=list)


class SavedValues:
    """Takes values as shots save them, and makes of them what a result shows."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def add(
        self, save: Save, value: Any, shots: NDArray[np.int64], registers: list[int] | None
    ) -> None:
        """Take a value.

        Args:
            save: what is saved.
            value: the value.
            shots: numbers of the shots that save it; none where the run draws no shots.
            registers: the classical register of each shot, for subtypes that need it.
        """
        entry = self._entries.setdefault(save.key, _Entry(save.subtype))
        if save.subtype.endswith(("average", "accum")):
            for register, number in _numbers(shots, registers):
                part = entry.sums.setdefault(register, _Sum())
                part.total = part.total + number * value
                part.shots += number
                part.whole = not len(shots)
        else:
            # Shots change their places later on.
            entry.records.append(_Record(shots.copy(), registers, value))

    def merge(self, other: SavedValues) -> None:
        """Take over what another run of the same circuit has saved under other keys."""
        self._entries.update(other._entries)

    def results(self, shots: int) -> dict[str, Any]:
        """What the result of a run of so many shots shows, by key.

        Returns:
            Values, lists of values in the order of the shots, and, for subtypes that begin with
            ``c_``, dictionaries of these by the classical register.
        """
        return {key: _result(entry, shots) for key, entry in self._entries.items()}

    def pack(self) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
        """All of it as plain facts and arrays by name."""
        facts: list[dict[str, Any]] = []
        arrays: dict[str, NDArray[Any]] = {}
        for key, entry in self._entries.items():
            known = {"key": key, "subtype": entry.subtype}
            for register, part in entry.sums.items():
                arrays[f"saved {len(facts)}"] = np.asarray(part.total)
                facts.append(known | {"register": register, "sum": [part.shots, part.whole]})
            for record in entry.records:
                arrays[f"saved {len(facts)}"] = np.asarray(record.value)
                arrays[f"shots {len(facts)}"] = record.shots
                facts.append(known | {"registers": record.registers})
        return facts, arrays

    @classmethod
    def unpack(cls, facts: list[dict[str, Any]], arrays: Mapping[str, NDArray[Any]]) -> SavedValues:
        """What :meth:`pack` gave."""
        values = cls()
        for number, fact in enumerate(facts):
            entry = values._entries.setdefault(fact["key"], _Entry(fact["subtype"]))
            array = arrays[f"saved {number}"]
            value = array if array.ndim else float(array)
            if "registers" in fact:
                shots = arrays[f"shots {number}"]
                entry.records.append(_Record(shots, fact["registers"], value))
            else:
                entry.sums[fact["register"]] = _Sum(value, *fact["sum"])
        return values


def _numbers(
    shots: NDArray[np.int64], registers: list[int] | None
) -> Iterator[tuple[int | None, int]]:
    """How many shots have each register; a run without shots counts as one."""
    if registers is None:
        yield None, max(1, len(shots))
        return
    yield from sorted(Counter(registers).items())


def _result(entry: _Entry, shots: int) -> Any:
    kind = entry.subtype.removeprefix("c_")
    if kind == "average":
        values = {register: part.total / part.shots for register, part in entry.sums.items()}
    elif kind == "accum":
        values = {
            register: part.total * (shots if part.whole else 1)
            for register, part in entry.sums.items()
        }
    elif kind == "single":
        values = _last(entry.records)
    else:
        values = _listed(entry.records)
    return values if entry.subtype.startswith("c_") else values[None]


def _shots_of(record: _Record) -> tuple[NDArray[np.int64], list[int | None]]:
    """Numbers and registers of the shots of a record; a run without shots counts as one."""
    shots = record.shots if len(record.shots) else np.zeros(1, np.int64)
    if record.registers is None:
        return shots, [None] * len(shots)
    return shots, [*record.registers]


def _last(records: list[_Record]) -> dict[int | None, Any]:
    """The value of the last shot with each register."""
    found: dict[int | None, tuple[int, Any]] = {}
    for record in records:
        shots, registers = _shots_of(record)
        for shot, register in zip(shots.tolist(), registers, strict=True):
            if register not in found or shot >= found[register][0]:
                found[register] = shot, record.value
    return {register: value for register, (_, value) in found.items()}


def _listed(records: list[_Record]) -> dict[int | None, Any]:
    """All values in the order of their shots, and of time within a shot."""
    found: dict[int | None, list[tuple[int, int, Any]]] = {}
    for time, record in enumerate(records):
        shots, registers = _shots_of(record)
        for place, register in zip(shots.tolist(), registers, strict=True):
            found.setdefault(register, []).append((place, time, record.value))
    return {
        register: [value for _, _, value in sorted(values, key=lambda each: each[:2])]
        for register, values in found.items()
    }
