"""One MPI rank fails in one phase of a run: ``raises_in.py PLACE MPI_RANK CHECKPOINTS``.

PLACE is a function of lret_dist, as ``runs.low_rank.candidate_weights``.
"""

import importlib
import sys

from random_circuits import brick_wall, brick_wall_noise

from lret_dist import get_session, simulate
from lret_dist.machines.launcher import launched_rank

place, rank, folder = sys.argv[1:]
if launched_rank() == rank:
    names = place.split(".")
    owner = importlib.import_module(f"lret_dist.{names[0]}.{names[1]}")
    for name in names[2:-1]:
        owner = getattr(owner, name)

    def broken(*_arguments, **_options):  # type: ignore[no-untyped-def]
        raise RuntimeError("broken on purpose")

    assert hasattr(owner, names[-1]), place
    setattr(owner, names[-1], broken)

get_session()
circuit = brick_wall_noise(1e-3, 1e-2).bind(brick_wall(8, 10))
circuit.save_expectation_value({"XX": 1.0}, [0, 7]).measure_all()
options = {"parallelization": "hybrid", "process_grid": (2, 2), "shots": 10}
options |= {"method": "low_rank", "truncation": "certified", "epsilon": 1e-2}
print("ready", flush=True)
simulate(circuit, checkpoint=folder, checkpoint_interval=0.05, **options)
print("done", flush=True)
