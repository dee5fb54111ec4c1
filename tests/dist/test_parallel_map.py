"""Calls on several threads."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest

from lret_dist.machines.parallel_map import parallel_map


def threads_now() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "lret-parallel"]


@pytest.mark.parametrize("threads", [1, 3, 100])
@pytest.mark.parametrize("number", [0, 1, 50])
def test_results_come_in_order(threads: int, number: int) -> None:
    def call(item: int) -> int:
        time.sleep(0.001 * (item % 3))
        return item * item

    assert list(parallel_map(call, range(number), threads)) == [n * n for n in range(number)]
    assert not threads_now()


def test_as_many_at_once_as_there_are_threads() -> None:
    """Else nobody would come through the barrier."""
    barrier = threading.Barrier(3, timeout=20)
    assert len(list(parallel_map(lambda _: barrier.wait(), range(9), 3))) == 9


def test_a_result_is_there_before_the_last_call() -> None:
    taken = threading.Event()

    def call(item: int) -> int:
        assert item < 2 or taken.wait(20)
        return item

    for result in parallel_map(call, range(3), 2):
        assert result in range(3)
        taken.set()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_is_raised_and_nothing_more_is_begun(error: type[BaseException]) -> None:
    begun = []

    def call(item: int) -> None:
        begun.append(item)
        if item == 3:
            raise error("broken")
        time.sleep(0.01)

    with pytest.raises(error, match="broken"):
        list(parallel_map(call, range(1000), 2))
    assert len(begun) < 100
    assert not threads_now()


def test_whoever_takes_no_more_waits_for_what_is_under_way() -> None:
    results = parallel_map(lambda item: item, range(1000), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert not threads_now()


def test_an_error_keeps_nothing_alive() -> None:
    class Work:
        pass

    def call(_: int) -> None:
        work = Work()
        alive.append(weakref.ref(work))
        raise ValueError("broken")

    alive: list[weakref.ref[Work]] = []
    gc.disable()
    try:
        with pytest.raises(ValueError, match="broken") as caught:
            list(parallel_map(call, range(5), 2))
        del caught
        assert alive
        assert all(each() is None for each in alive)
    finally:
        gc.enable()
