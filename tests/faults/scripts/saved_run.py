"""A run of some seconds that is saved: ``saved_run.py FOLDER LAYERS INTERVAL [LIMITED_RANK]``.

On the MPI rank that is named last, files may have 1 MB at most once the first checkpoint is there.
"""

import resource
import sys
from pathlib import Path

import announced  # noqa: F401
from random_circuits import brick_wall, brick_wall_noise

from lret_dist import get_session, simulate
from lret_dist.grid import parallel_file
from lret_dist.machines.launcher import launched_rank

folder, layers, interval = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

if sys.argv[4:] == [launched_rank()]:
    open_file = parallel_file.open_file

    def open_limited(path, *arguments, **options):  # type: ignore[no-untyped-def]
        if any(Path(folder).glob("*.lret")):
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        return open_file(path, *arguments, **options)

    from lret_dist.checkpoints import writer as checkpoint_writer

    checkpoint_writer.open_file = open_limited

get_session()
circuit = brick_wall_noise(1e-4, 1e-3).bind(brick_wall(14, layers))
circuit.save_expectation_value({"ZZ": 1.0}, [0, 13], key="zz")
print("ready", flush=True)
result = simulate(
    circuit,
    shots=0,
    epsilon=3e-2,
    method="low_rank",
    truncation="certified",
    checkpoint=folder,
    checkpoint_interval=interval,
)
facts = result.metadata
print(f"resumed {facts.resumed} certified {facts.truncation_error:.3g}")
print(f"value {result.data['zz']:.9f}", flush=True)
