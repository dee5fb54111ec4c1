"""The rank and the discarded weight of a run, step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from qiskit.result import Result

from lret_dist.results.result import SimulationResult
from lret_qiskit.visualization.sources import experiment_of, refused
from lret_qiskit.visualization.style import (
    COLOURS,
    add_legend,
    check_filename,
    count_axis,
    describe,
    figure_of,
    finish,
    new_axes,
    split_below,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["plot_rank_history"]

#: Largest rank against the smallest from which on a logarithmic axis shows more.
_WIDE = 30
#: And up to which it has room for more ticks than one for each power of ten.
_VERY_WIDE = 300
#: Most steps that are marked one by one.
_MARKED = 60
#: Weights below are rounding.
_ROUNDING = 1e-15


@dataclass(frozen=True)
class _Course:
    """The history of a run, and what is needed to read it; arrays have one entry for each step."""

    steps: NDArray[np.int64]
    ranks: NDArray[np.int64]
    grown: NDArray[np.int64]
    discarded: NDArray[np.float64]
    epsilon: float | None
    full_rank: int | None

    @classmethod
    def of(cls, history: Mapping[str, Sequence[Any]], metadata: Mapping[str, Any]) -> _Course:
        lists = {name: np.asarray(history[name]) for name in ("steps", "ranks", "grown")}
        discarded = np.asarray(history["discarded"], dtype=np.float64)
        certified = metadata["truncation"] == "certified"
        return cls(
            **lists,
            discarded=discarded if certified else np.zeros(len(discarded)),
            epsilon=metadata["epsilon"] if certified else None,
            full_rank=1 << metadata["num_qubits"]
            if metadata["method"] == "density_matrix"
            else None,
        )

    def broken(self, values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values with a gap where steps go back: to another history, or in a loop."""
        gaps = np.flatnonzero(np.diff(self.steps) < 0) + 1
        steps, shown = (each.astype(np.float64) for each in (self.steps, values))
        return np.insert(steps, gaps, np.nan), np.insert(shown, gaps, np.nan)

    def dense_from(self) -> int | None:
        """The first step from which on the state was a density matrix, if it was one."""
        if self.full_rank is None:
            return None
        sparse = np.flatnonzero(self.ranks != self.full_rank)
        rest = self.steps[sparse[-1] + 1 if len(sparse) else 0 :]
        return int(rest.min()) if len(rest) else None


def plot_rank_history(
    result: Result | SimulationResult,
    *,
    experiment: int = 0,
    epsilon: float | None = None,
    figsize: Sequence[float] | None = None,
    ax: Axes | None = None,
    filename: str | PathLike[str] | None = None,
) -> Figure:
    """Draw the rank of the state after each step of a run, and the weight discarded so far.

    Orange lines show what compressions removed. The discarded weight, with the ``epsilon`` that
    bounds it, is drawn below where any was discarded: never by a sampled run, nor while the state
    is a density matrix, whose steps are shaded. Where the steps go back, to another history of
    measured outcomes or in a loop, a new line begins.

    Args:
        result: result of ``backend.run(circuit, rank_history=True)``, or of
            ``lret_dist.simulate``.
        experiment: number of the circuit in a Qiskit result.
        epsilon: where to draw the line of the weight that might be discarded; default: what the
            run was told.
        figsize: width and height of a new figure in inches.
        ax: axes to draw into, whose room is shared with new ones below them if there are two
            parts; default: a new figure.
        filename: file to save to, a PNG, SVG or PDF by its end.

    Returns:
        The figure; pyplot does not hold it.

    Raises:
        TypeError: for another kind of result.
        ValueError: for a run without ``rank_history=True``, or without noise, and for an
            ``epsilon`` that is no positive number.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit_aer.noise import NoiseModel, depolarizing_error
        >>> from lret_qiskit import LRETBackend
        >>> from lret_qiskit.visualization import plot_rank_history
        >>> noise = NoiseModel()
        >>> noise.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["cx"])
        >>> circuit = QuantumCircuit(8)
        >>> _ = circuit.h(0), [circuit.cx(qubit, qubit + 1) for qubit in range(7)]
        >>> circuit.measure_all()
        >>> backend = LRETBackend(noise_model=noise, epsilon=1e-3, method="low_rank")
        >>> result = backend.run(circuit, rank_history=True).result()
        >>> figure = plot_rank_history(result)
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['rank', 'compression', 'epsilon = 0.001']
    """
    check_filename(filename)
    _check_epsilon(epsilon)
    course = _course(result, experiment)
    ax = new_axes(ax, figsize)
    below = split_below(ax, 0.7) if course.discarded.max() > _ROUNDING else None
    _draw_ranks(ax, course)
    handles = ax.get_legend_handles_labels()[0]
    if below is not None:
        ax.set_xlabel("")
        _draw_discarded(below, course, course.epsilon if epsilon is None else epsilon)
        figure_of(ax).align_ylabels([ax, below])
        handles += below.get_legend_handles_labels()[0]
    add_legend(ax, handles)
    return finish(ax, filename)


def _check_epsilon(epsilon: Any) -> None:
    positive = isinstance(epsilon, Real) and 0 < float(epsilon) < math.inf
    if epsilon is not None and not positive:
        raise ValueError(f"epsilon must be a positive number, got {epsilon!r}")


def _course(result: Any, experiment: int) -> _Course:
    """The history that a result holds."""
    if isinstance(result, SimulationResult):
        history, metadata = result.history.to_dict(), result.metadata.to_dict()
    elif isinstance(result, Result):
        metadata = experiment_of(result, experiment).metadata
        if "rank_history" not in metadata:
            raise ValueError(
                "the result has no rank history: run the circuit with "
                "backend.run(circuit, rank_history=True)"
            )
        history = metadata["rank_history"]
    else:
        raise refused(result, "a result of LRETBackend.run or of lret_dist.simulate")
    if not len(history["steps"]):
        raise ValueError(
            "the rank history is empty: no noise acted in the run, so its rank never changed; give "
            "a noise_model whose errors act on the circuit's gates"
        )
    return _Course.of(history, metadata)


def _draw_ranks(ax: Axes, course: _Course) -> None:
    """The rank after each step, what compressions removed, and where the matrix was dense."""
    _draw_line(ax, course, course.ranks, "rank")
    cut = course.grown > course.ranks
    if cut.any():
        ends = course.ranks[cut], course.grown[cut]
        label = "compression"
        ax.vlines(course.steps[cut], *ends, COLOURS["orange"], linewidth=1.3, label=label)
    start = course.dense_from()
    if start is not None:
        end = max(int(course.steps.max()), start + 1)
        ax.axvspan(start, end, color="#e8e8e8", zorder=0, label="density matrix")
    ratio = course.grown.max() / course.ranks.min()
    if ratio > _WIDE:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(
            LogLocator(subs=(1.0, 2.0, 5.0) if ratio < _VERY_WIDE else (1.0,))
        )
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_ylim(0, 1.1 * course.grown.max())
        count_axis(ax.yaxis)
    _describe_steps(ax, "rank")


def _draw_discarded(ax: Axes, course: _Course, epsilon: float | None) -> None:
    """The weight discarded up to each step on a logarithmic axis, and its bound."""
    _draw_line(ax, course, np.where(course.discarded > _ROUNDING, course.discarded, np.nan))
    ax.set_yscale("log")
    if epsilon:
        line: dict[str, Any] = {"color": COLOURS["vermilion"], "linestyle": "--", "linewidth": 1.2}
        ax.axhline(epsilon, label=f"epsilon = {epsilon:g}", **line)
    _describe_steps(ax, "discarded\nweight")


def _draw_line(ax: Axes, course: _Course, values: NDArray[Any], label: str = "") -> None:
    """Values after each step; with few of them, each has a mark."""
    steps, shown = course.broken(values)
    marker = "o" if len(steps) <= _MARKED else ""
    style: dict[str, Any] = {"marker": marker, "markersize": 3, "linewidth": 1.3}
    ax.plot(steps, shown, color=COLOURS["blue"], label=label, zorder=3, **style)


def _describe_steps(ax: Axes, name: str) -> None:
    ax.set_xlim(left=0)
    count_axis(ax.xaxis)
    describe(ax, x="step", y=name)
