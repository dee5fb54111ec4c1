"""Which way the histories of a dynamic circuit go: one after the other, or side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from lret_dist.options import DEFAULT_EPSILON
from lret_dist.planning.cost import takes_density
from lret_dist.programs.program import ChannelStep, FlowStep, MeasureStep, SetStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lret_dist.options import SimulationOptions
    from lret_dist.programs.program import Program

__all__ = ["Way", "most_waiting", "way_of_histories"]

#: One after the other, each with a factor; or side by side on one MPI rank.
Way: TypeAlias = Literal["apart", "density_matrices", "trajectories"]

#: Most qubits of the density matrices of histories.
_MOST_QUBITS = 7
#: Nanoseconds of a step: of an entry of a state in a stack, of a draw of a shot, and whatever the
#: size; of an entry of a factor, and of a factor whatever its size.
_ENTRY, _DRAW, _STEP = 1.5, 40.0, 6e4
_FACTOR_ENTRY, _FACTOR_STEP = 10.0, 1.5e5


def way_of_histories(
    program: Program,
    options: SimulationOptions,
    ranks: Sequence[int],
    *,
    dense: bool,
    values: bool,
) -> Way:
    """Choose by the cost of a step, before any outcome is known.

    Trajectories give counts of the exact distribution, as the other ways do, but no certificate:
    so they are taken where none was asked for, or where there is nothing to be sampled.

    Args:
        program: the program.
        options: of the run.
        ranks: expected number of columns after each step.
        dense: whether density matrices are allowed.
        values: whether values are saved, by this program or by the one for averages.
    """
    if not program.has_histories or options.checkpoint is not None:
        return "apart"
    states, shots = 1 << program.num_qubits, options.shots
    histories = _most_histories(program, shots)
    channels = any(isinstance(step, ChannelStep) for step in program.steps)
    costs: dict[Way, float] = {}
    mean_rank = float(np.mean(ranks)) if ranks else 1.0
    costs["apart"] = histories * (_FACTOR_STEP + _FACTOR_ENTRY * mean_rank * states)
    if dense and program.num_qubits <= _MOST_QUBITS and takes_density(program):
        costs["density_matrices"] = _STEP + _ENTRY * histories * states**2
    if _may_be_trajectories(program, options, exact=not channels, values=values):
        most = shots if channels else histories
        costs["trajectories"] = _STEP + _ENTRY * most * states + _DRAW * shots * channels
    return min(costs, key=lambda way: costs[way])


def most_waiting(program: Program, shots: int) -> int:
    """Most states that wait while the histories of so many shots go on one after the other."""
    if not program.has_histories:
        return 0
    most = max(1, shots).bit_length() - 1
    if program.has_loops:
        return most
    return min(most, sum(isinstance(each, MeasureStep | FlowStep) for each in program.steps))


def _most_histories(program: Program, shots: int) -> int:
    """Most histories that so many shots can have."""
    measurements = sum(isinstance(step, MeasureStep) for step in program.steps)
    if program.has_loops or measurements >= shots.bit_length():
        return shots
    return min(shots, 1 << measurements)


def _may_be_trajectories(
    program: Program, options: SimulationOptions, *, exact: bool, values: bool
) -> bool:
    """Whether every shot may be a trajectory of its own; ``exact`` where no error is drawn."""
    first = program.initial_state
    set_states = [step.state.columns for step in program.steps if isinstance(step, SetStep)]
    mixed = any(each.shape[1] > 1 for each in [*set_states, *([] if first is None else [first])])
    if mixed or options.method != "automatic" or options.max_rank is not None:
        return False
    asked = options.truncation == "auto" and options.epsilon == DEFAULT_EPSILON
    return exact or (asked and not values)
