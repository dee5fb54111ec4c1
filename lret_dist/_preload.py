"""What must be done before the compiled core, and with it OpenMP, is loaded."""

import os
from importlib.util import find_spec
from pathlib import Path

__all__: list[str] = []

if find_spec("lret_dist._core") is None:
    folder = Path(__file__).parents[1]
    raise ImportError(
        f"the lret_dist in {folder} is source code without its compiled core, and Python finds it "
        f"before any installed one. Run from another folder, or build it with "
        f"'pip install -e {folder}'"
    )

# GNU's threads spin for milliseconds at the end of every loop. With a single other busy process on
# two cores that made kernels eight times slower; a short spin costs nothing measurable.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# UCX, through which MPI libraries send, notes every block of memory that goes back to the system
# and clears these notes when it looks memory up for RDMA: on one host never, so that 100 jobs have
# been seen to leave 3 MiB. With this it clears them whenever they speak of so many bytes.
os.environ.setdefault("UCX_RCACHE_MAX_UNRELEASED", "1G")
