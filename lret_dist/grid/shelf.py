"""What a run leaves on its MPI ranks for later, by number."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Shelf"]


class Shelf:
    """Objects of one MPI rank of a process grid that outlive the run that made them.

    All MPI ranks of the grid put and drop theirs in the same order, so a number means the same on
    each of them. No number is given twice.
    """

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._sizes: dict[int, int] = {}
        self._next = 0

    def put(self, thing: Any, size: int) -> int:
        """Keep an object of ``size`` bytes and return its number."""
        number, self._next = self._next, self._next + 1
        self._objects[number], self._sizes[number] = thing, size
        return number

    def get(self, number: int) -> Any:
        """The object of this number, or None when it was dropped."""
        return self._objects.get(number)

    def drop(self, number: int) -> None:
        """Let an object go; later calls do nothing."""
        self._objects.pop(number, None)
        self._sizes.pop(number, None)

    def clear(self) -> None:
        """Let all objects go."""
        self._objects.clear()
        self._sizes.clear()

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(self._sizes.values())

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """Let go what is put inside, if that ends with an exception: nobody knows its number."""
        first = self._next
        try:
            yield
        except BaseException:
            for number in range(first, self._next):
                self.drop(number)
            raise
