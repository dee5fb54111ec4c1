"""Runs that would take more memory than they may, and what they take."""

from __future__ import annotations

import warnings
from pathlib import Path

from random_circuits import brick_wall, brick_wall_noise

from lret_dist import Circuit, TruncationWarning, simulate
from lret_dist.circuits.saves import SaveFactor
from lret_dist.machines.process_memory import peak_mb, reset_peak

HEAVY = brick_wall_noise(1e-2, 5e-2)


def parted(num_qubits: int, layers: int) -> Circuit:
    """A brick wall with measurements on its way, which part the shots."""
    whole = brick_wall(num_qubits, layers).operations
    circuit = Circuit(num_qubits, num_qubits)
    for number, operation in enumerate(whole):
        circuit.append(operation)
        if number % (len(whole) // 5) == 2:
            circuit.measure(number % num_qubits, number % num_qubits)
    return circuit.measure_all()


CASES = {
    "certified": (brick_wall(13, 4).measure_all(), {"method": "low_rank"}),
    "saved": (brick_wall(9, 4).save_density_matrix(), {"method": "low_rank", "shots": 0}),
    "factor": (brick_wall(13, 4).append(SaveFactor("f", tuple(range(13)))), {"method": "low_rank"}),
    "automatic": (brick_wall(11, 3).measure_all(), {}),
    "parted": (parted(13, 2), {"method": "low_rank", "shots": 20}),
    "parted densities": (parted(10, 2), {"shots": 20}),
    "sampled": (brick_wall(18, 1).measure_all(), {"truncation": "unbiased", "resolution": 0.02}),
    "parted samples": (
        parted(16, 1),
        {"truncation": "unbiased", "resolution": 0.05, "shots": 60},
    ),
    "shots": (brick_wall(10, 1).measure_all(), {"shots": 800_000}),
}


def growth_of(case: str, max_memory_mb: int) -> float | None:
    """MiB that a run takes beyond what its process had before, where the system tells it."""
    circuit, options = CASES[case]
    simulate(brick_wall(6, 2).measure_all(), HEAVY)
    reset_peak()
    before = peak_mb()
    options = {"truncation": "certified", "seed": 1, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        result = simulate(circuit, HEAVY, max_memory_mb=max_memory_mb, **options)
    if result.metadata.peak_memory_mb == 0 or not Path("/proc/self/clear_refs").exists():
        return None
    return result.metadata.peak_memory_mb - before
