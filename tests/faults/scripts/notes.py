"""MiB by which a process of an MPI job grows while it takes and gives back memory."""

import mmap

from lret_dist import get_session
from lret_dist.machines.process_memory import peak_mb, reset_peak


def take_and_give_back(times: int) -> None:
    for _ in range(times):
        mmap.mmap(-1, 1 << 20).close()


get_session()
take_and_give_back(10_000)
reset_peak()
before = peak_mb()
take_and_give_back(100_000)
print(f"MiB: {peak_mb() - before:.1f}", flush=True)
