"""What a run takes beside what its process had before: ``budget.py PARTITION MAX_MEMORY_MB``."""

import sys
import warnings

from random_circuits import brick_wall, brick_wall_noise

from lret_dist import TruncationWarning, get_session, simulate

HEAVY = brick_wall_noise(1e-2, 5e-2)
OPTIONS = {"method": "low_rank", "truncation": "certified", "seed": 1}

partition, budget = sys.argv[1], float(sys.argv[2])
get_session()
warnings.simplefilter("ignore", TruncationWarning)
small = simulate(brick_wall(6, 2).measure_all(), HEAVY, parallelization=partition, **OPTIONS)
large = brick_wall(14, 3).measure_all()
result = simulate(large, HEAVY, parallelization=partition, max_memory_mb=budget, **OPTIONS)
print(f"grid {result.metadata.process_grid}, rank {result.metadata.max_rank}")
print(f"MiB: {result.metadata.peak_memory_mb - small.metadata.peak_memory_mb:.1f}")
