"""Runs in a control group that the process joins first: ``limited.py DOOR``."""

import os
import sys
import warnings
from pathlib import Path

Path(sys.argv[1]).write_text(str(os.getpid()))

from random_circuits import brick_wall, brick_wall_noise  # noqa: E402

from lret_dist import InsufficientMemoryError, TruncationWarning, get_session, simulate  # noqa: E402

HEAVY = brick_wall_noise(1e-2, 5e-2)

get_session()
warnings.simplefilter("ignore", TruncationWarning)
try:
    simulate(brick_wall(30, 1).measure_all())
except InsufficientMemoryError as error:
    print("refused:", error, flush=True)
for partition in ("row", "column"):
    for truncation in ("certified", "unbiased"):
        options = {"method": "low_rank", "truncation": truncation, "parallelization": partition}
        if truncation == "unbiased":
            options["resolution"] = 0.05
        result = simulate(brick_wall(17, 3).measure_all(), HEAVY, shots=20, seed=1, **options)
        print(truncation, partition, "rank", result.metadata.max_rank, flush=True)
print("done", flush=True)
