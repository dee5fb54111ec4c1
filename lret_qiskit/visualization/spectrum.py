"""The eigenvalues of a state: how few directions carry its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.result import Result

from lret_dist.results.factored_state import FactoredState
from lret_qiskit.visualization.sources import experiment_of, refused
from lret_qiskit.visualization.style import (
    COLOURS,
    GREY,
    add_legend,
    check_filename,
    count_axis,
    describe,
    finish,
    new_axes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["plot_spectrum"]

#: Most eigenvalues that are marked one by one, and that a linear axis shows.
_MARKED, _MOST_LINEAR = 60, 300
#: Eigenvalues and sums of them below are rounding.
_ROUNDING = 1e-15
#: Parts of the weight of which it is told how many directions carry them.
_PARTS = ((0.99, "99 %", "--"), (0.9999, "99.99 %", ":"))


def plot_spectrum(
    state: FactoredState | Result,
    *,
    experiment: int = 0,
    label: str | None = None,
    figsize: Sequence[float] | None = None,
    ax: Axes | None = None,
    filename: str | PathLike[str] | None = None,
) -> Figure:
    """Draw the eigenvalues of rho, largest first, and the weight of all that are smaller.

    The latter is the error in trace distance of the best state of so few directions, before it is
    normalised. Vertical lines show how many directions carry 99 % and 99.99 % of the weight.
    Eigenvalues below 1e-15 are rounding and are left out.

    Args:
        state: a ``LowRankState``, a ``FactorHandle`` that is still held, or a Qiskit result of a
            circuit with ``save_lret_factor``.
        experiment: number of the circuit in a Qiskit result.
        label: the saved factor's label in a Qiskit result; default: the only one.
        figsize: width and height of a new figure in inches.
        ax: axes to draw into; default: a new figure.
        filename: file to save to, a PNG, SVG or PDF by its end.

    Returns:
        The figure; pyplot does not hold it.

    Raises:
        TypeError: for another kind of state.
        ValueError: for a result without such a factor.

    Example:
        >>> import numpy as np
        >>> from lret_qiskit import LowRankState
        >>> from lret_qiskit.visualization import plot_spectrum
        >>> state = LowRankState(np.diag([0.9, 0.4, 0.15, 0.05]))
        >>> figure = plot_spectrum(state)
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()][2:]
        ['99 %: 3 directions', '99.99 %: 4 directions']
    """
    check_filename(filename)
    values = _state(state, experiment, label).eigenvalues()
    ax = new_axes(ax, figsize)
    _draw(ax, values / values.sum())
    return finish(ax, filename)


def _state(given: Any, experiment: int, label: str | None) -> FactoredState:
    """The state that is given, or that a result holds."""
    if isinstance(given, FactoredState):
        return given
    if not isinstance(given, Result):
        raise refused(given, "a LowRankState, a FactorHandle, or a Qiskit result that holds one")
    experiment_of(given, experiment)
    saved = {
        name: value
        for name, value in given.data(experiment).items()
        if isinstance(value, FactoredState) and label in (None, name)
    }
    if len(saved) == 1:
        return next(iter(saved.values()))
    if label is not None:
        raise ValueError(f"the result holds no factor with the label {label!r}")
    if saved:
        raise ValueError(f"the result holds several factors: choose a label of {', '.join(saved)}")
    raise ValueError("the result holds no factor: add circuit.save_lret_factor() before the run")


def _draw(ax: Axes, values: NDArray[np.float64]) -> None:
    """Eigenvalues, and for each the sum of those behind it."""
    behind = np.append(np.cumsum(values[:0:-1])[::-1], 0.0)
    kept = max(1, int(np.count_nonzero(values > _ROUNDING)))
    numbers = np.arange(1, kept + 1)
    marked = kept <= _MARKED
    for heights, name, colour, marker in (
        (values[:kept], "eigenvalue", "blue", "o"),
        (behind[:kept], "sum of the smaller", "orange", "s"),
    ):
        if not (heights > _ROUNDING).any():
            continue
        shown = np.where(heights > _ROUNDING, heights, np.nan)
        style: dict[str, Any] = {"marker": marker if marked else "", "markersize": 3}
        ax.plot(numbers, shown, color=COLOURS[colour], linewidth=1.3, label=name, **style)
    for part, text, dashes in _PARTS:
        count = int(np.count_nonzero(np.cumsum(values)[:-1] < part)) + 1
        label = f"{text}: {count:,} direction{'s' * (count > 1)}"
        ax.axvline(count, color=GREY, linestyle=dashes, linewidth=1.1, label=label)
    ax.set_yscale("log")
    if kept > _MOST_LINEAR:
        ax.set_xscale("log")
    else:
        count_axis(ax.xaxis)
    describe(ax, x="number of the eigenvalue", y="weight")
    add_legend(ax)
