"""Saved runs of some seconds, spread over teams of one MPI rank: ``saved_batch.py FOLDER``."""

import sys
from dataclasses import replace

import announced  # noqa: F401
from random_circuits import brick_wall, brick_wall_noise

from lret_dist import SimulationOptions, SimulationRequest, get_session

session = get_session()
circuit = brick_wall_noise(1e-4, 1e-3).bind(brick_wall(14, 24)).measure_all()
options = SimulationOptions(
    shots=10, epsilon=3e-2, method="low_rank", truncation="certified", checkpoint=sys.argv[1]
)
batch = [
    SimulationRequest(circuit=circuit, options=replace(options, seed=seed)) for seed in range(4)
]
for outcome in session.submit(batch).result():
    ranks = getattr(getattr(outcome, "metadata", None), "team_ranks", None)
    print(f"outcome {type(outcome).__name__} team of {ranks}: {outcome}"[:300], flush=True)
