"""Seeds of the runs of a job."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lret_dist import SimulationOptions

__all__ = ["seeded"]

#: Distance between the seeds of two neighbouring runs of a job, as in Qiskit Aer.
_STRIDE = 2113
_NUM_SEEDS = 1 << 64


def seeded(options: SimulationOptions, number: int) -> SimulationOptions:
    """Options of a job's run ``number``, which has a seed of its own, from those of its first."""
    if options.seed is None or number == 0:
        return options
    return replace(options, seed=(options.seed + _STRIDE * number) % _NUM_SEEDS)
