"""A call for many items on several threads, at whatever moment of the process."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["parallel_map"]

T = TypeVar("T")
R = TypeVar("R")


def parallel_map(call: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """The results of a call for all items, in their order, each as soon as it is there.

    An executor of :mod:`concurrent.futures` would take no work once the main thread has ended, when
    a thread of the user's may still wait for a run.

    Args:
        call: what is done with each item; of what it raises, the first in order is raised here, and
            no further item is begun.
        items: they.
        threads: threads that work at the same time, at most one for each item.
    """
    todo = deque((item, Future[R]()) for item in items)
    futures = deque(future for _, future in todo)
    workers: list[threading.Thread] = []
    try:
        for _ in range(min(threads, len(futures))):
            # A thread that the interpreter does not wait for: an interrupted program ends at once.
            worker = threading.Thread(
                target=_work, args=(call, todo), name="lret-parallel", daemon=True
            )
            worker.start()
            workers.append(worker)
        while futures:
            yield futures.popleft().result()
    finally:
        todo.clear()
        for worker in workers:
            worker.join()


def _work(call: Callable[[T], R], todo: deque[tuple[T, Future[R]]]) -> None:
    """Do what is left, until nothing is."""
    while True:
        try:
            item, future = todo.popleft()
        except IndexError:
            return
        try:
            future.set_result(call(item))
        except BaseException as error:
            future.set_exception(error)
        # The error's traceback refers to this frame, which must not lead back to the error.
        del item, future
