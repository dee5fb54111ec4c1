"""Circuits that are small as files, and huge once what they are made of is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from lret_dist import UnsupportedOperationError
from lret_dist.machines.available_memory import available_bytes

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["MAX_OPENED", "Opened"]

#: Most definitions, turns of loops and instructions in them: seconds to minutes of writing down.
MAX_OPENED = 10_000_000
#: So many from one look at the memory to the next: Qiskit may keep some KiB for each.
_STEP = 1 << 16


class Opened:
    """Counts what is opened, and refuses more of it than there is time or memory for."""

    def __init__(self) -> None:
        self._number = 0
        self._next_look = _STEP
        self._first_resident: int | None = None

    def note(self, circuit: QuantumCircuit) -> None:
        """Note that a definition or a block is opened.

        Raises:
            UnsupportedOperationError: when it is one too many.
        """
        self._number += 1 + len(circuit.data)
        if self._number >= self._next_look:
            self._next_look = self._number + _STEP
            self._look()

    def _look(self) -> None:
        if self._number > MAX_OPENED:
            raise UnsupportedOperationError(
                f"taken apart, the circuit is more than {MAX_OPENED} operations: definitions that "
                "use each other, loops and powers multiply"
            )
        resident = psutil.Process().memory_info().rss
        if self._first_resident is None:
            self._first_resident = resident
        taken, left = resident - self._first_resident, available_bytes()
        if taken > left:
            raise UnsupportedOperationError(
                f"taken apart, the circuit is more than {self._number} operations, which take "
                f"{taken >> 20} MiB of memory; {left >> 20} MiB are left"
            )
