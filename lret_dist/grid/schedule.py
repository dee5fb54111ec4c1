"""The order of steps that exchanges fewest bits between MPI ranks. Pure integers, no messages.

Steps commute where they share no bits, and where they only read the bits that they share. So all
steps that can run before an exchange do, and the bits that are sent away are those without which
most steps can run. On 16 qubits in a line and 40 layers of a brick wall, one distributed bit is
exchanged 3 times instead of 20, three distributed bits 4 times instead of 60.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from lret_dist.programs.program import ChannelStep, ExchangeStep, UnitaryStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lret_dist.programs.program import Program, Step

__all__ = ["Access", "Window", "arranged", "windows"]

#: Steps that are looked at to find what can run before the next exchange; fewer than a lane counts.
_LOOK_AHEAD = 4096
_LANE_BITS = 16


class Access(NamedTuple):
    """What a step does to bits, as masks over them.

    Attributes:
        mixed: bits that must be local.
        changed: bits that it changes, those included.
        read: bits that it depends on and leaves as they are.
    """

    mixed: int
    changed: int
    read: int


class _Bits(NamedTuple):
    """The bits of an :class:`Access` as lists."""

    mixed: tuple[int, ...]
    changed: tuple[int, ...]
    read: tuple[int, ...]


class Window(NamedTuple):
    """Steps that run between two exchanges.

    Attributes:
        distributed: bits that are distributed meanwhile, as a mask.
        steps: numbers of the steps, in order.
    """

    distributed: int
    steps: list[int]


def arranged(program: Program, row_bits: int, first: Sequence[int] = ()) -> Program:
    """The same program with its steps in the order that needs fewest exchanges, and these.

    Args:
        program: a program in its first order.
        row_bits: number of distributed bits.
        first: numbers of steps that come before all others, or where there are jumps before the
            others up to the next mark, in an order that gives the same state.
    """
    accesses = [_access(step, program.num_qubits) for step in program.steps]
    steps: list[Step] = []
    origins: list[int] = []
    for part in _parts(program, first):
        part_accesses = [accesses[number] for number in part]
        for window in windows(part_accesses, program.num_qubits, row_bits):
            if row_bits:
                steps.append(ExchangeStep(tuple(_ones(window.distributed))))
                origins.append(-1)
            origins.extend(part[place] for place in window.steps)
            steps.extend(program.steps[part[place]] for place in window.steps)
    return replace(program, steps=steps, origins=origins)


def _parts(program: Program, first: Sequence[int]) -> Iterator[Sequence[int]]:
    """Numbers of steps that run one after the other, from behind a mark to the next one.

    Those of them that are to come first are apart from the others.
    """
    taken = set(first)
    behind = [number + 1 for number in program.places.values()]
    for start, stop in pairwise([0, *behind, len(program.steps)]):
        yield [number for number in first if start <= number < stop]
        yield [number for number in range(start, stop) if number not in taken]


def windows(
    accesses: Sequence[Access], num_bits: int, distributed: int, away: int = 0
) -> Iterator[Window]:
    """Split steps into windows, in an order that the steps' dependencies allow.

    Args:
        accesses: what each step does, in order.
        num_bits: number of bits.
        distributed: how many of them are distributed at any time.
        away: those that are at the start, which stay so where it makes no difference.
    """
    queue = _Queue(accesses, (1 << num_bits) - 1)
    while queue:
        away = queue.best_away(num_bits, distributed, away)
        yield Window(away, queue.take(away))


class _Queue:
    """Steps that have not run yet, of which the first few are looked at."""

    def __init__(self, accesses: Sequence[Access], all_bits: int) -> None:
        self._accesses = accesses
        self._bits = [_Bits(*(tuple(_ones(mask)) for mask in access)) for access in accesses]
        self._all = all_bits
        self._seen: list[int] = []
        self._next = 0
        self._look_ahead()

    def __bool__(self) -> bool:
        return bool(self._seen)

    def best_away(self, num_bits: int, number: int, before: int) -> int:
        """The bits to send away, one after the other that without which most steps can run."""
        away = 0
        for _ in range(number):
            bits = [bit for bit in range(num_bits) if not away >> bit & 1]
            runs = self._runs(bits, num_bits)
            _, _, best = max((runs[bit], before >> bit & 1, bit) for bit in bits)
            away |= 1 << best
        return away

    def take(self, away: int) -> list[int]:
        """Remove the steps that can run while these bits are distributed, in order."""
        taken: list[int] = []
        while True:
            ready = list(self._ready(away))
            assert ready or taken or not self._seen, "a step needs more local bits than there are"
            if not ready:
                return taken
            taken += ready
            gone = set(ready)
            self._seen = [number for number in self._seen if number not in gone]
            self._look_ahead()

    def _look_ahead(self) -> None:
        more = min(_LOOK_AHEAD - len(self._seen), len(self._accesses) - self._next)
        self._seen.extend(range(self._next, self._next + more))
        self._next += more

    def _runs(self, bits: list[int], num_bits: int) -> dict[int, int]:
        """For each of some bits the steps that can run when it goes away after those left out.

        All bits are tried at once: every one has a lane in wide integers, and is counted in it.
        """
        lanes = {bit: 1 << _LANE_BITS * place for place, bit in enumerate(bits)}
        every = sum(lanes.values())
        changed, read = [0] * num_bits, [0] * num_bits
        counts, open_bits = 0, num_bits
        for number in self._seen:
            step = self._bits[number]
            stuck = 0
            for bit in step.mixed:  # one that is away already has no lane
                stuck |= lanes.get(bit, every)
            for bit in step.changed:
                stuck |= changed[bit] | read[bit]
            for bit in step.read:
                stuck |= changed[bit]
            counts += every ^ stuck
            for bit in step.changed if stuck else ():
                open_bits -= stuck == every != changed[bit]
                changed[bit] |= stuck
            for bit in step.read:
                read[bit] |= stuck
            if not open_bits:
                break
        most = (1 << _LANE_BITS) - 1
        return {bit: counts >> _LANE_BITS * place & most for place, bit in enumerate(bits)}

    def _ready(self, away: int) -> Iterator[int]:
        """Steps that can run: they mix no bit that is away, and wait for no step that cannot."""
        changed = read = 0
        for number in self._seen:
            step = self._accesses[number]
            waits = step.changed & (changed | read) or step.read & changed
            if waits or step.mixed & away:
                changed |= step.changed
                read |= step.read
                if changed == self._all:
                    return
            else:
                yield number


def _access(step: Step, num_qubits: int) -> Access:
    if not isinstance(step, UnitaryStep | ChannelStep):
        # Nothing passes a measurement, a save or a jump.
        return Access(0, (1 << num_qubits) - 1, 0)
    changed = _mask(step.changed_qubits)
    return Access(_mask(step.mixed_qubits), changed, _mask(step.qubits) & ~changed)


def _mask(bits: Iterable[int]) -> int:
    return sum(1 << bit for bit in bits)


def _ones(mask: int) -> Iterator[int]:
    return (bit for bit in range(mask.bit_length()) if mask >> bit & 1)
