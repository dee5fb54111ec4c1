"""Expectation values as points, with the errors that they are known to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_qiskit.visualization.estimates import Estimates, checked, estimates
from lret_qiskit.visualization.style import (
    COLOURS,
    GREY,
    add_legend,
    check_filename,
    count_axis,
    describe,
    figure_of,
    finish,
    labels_fit,
    new_axes,
    set_labels,
    split_below,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike
    from qiskit.primitives import PubResult
    from qiskit.result import Result

__all__ = ["plot_expectation_values"]

#: Most values that are drawn large.
_FEW = 60
#: Bounds below are those of rounding.
_ROUNDING = 1e-10


def plot_expectation_values(
    values: ArrayLike | PubResult | Result,
    errors: ArrayLike | None = None,
    *,
    bounds: ArrayLike | None = None,
    labels: Sequence[Any] | None = None,
    reference: ArrayLike | PubResult | Result | None = None,
    reference_label: str = "reference",
    experiment: int = 0,
    figsize: Sequence[float] | None = None,
    ax: Axes | None = None,
    filename: str | PathLike[str] | None = None,
) -> Figure:
    """Draw expectation values with error bars, and their differences to a reference.

    Thin bars with caps are standard errors, where something was sampled. Thick pale bars are
    systematic: certified bounds on the error, where a run has discarded weight. The differences,
    below, have the errors of both sides: standard errors add in squares, bounds as they are.

    Args:
        values: the values, of any shape; an estimator's result of one PUB, LRET's or another, with
            its ``stds`` and, of LRET's, its ``error_bounds``; or a Qiskit result of a circuit that
            saves expectation values, with its ``standard_errors``.
        errors: standard errors instead of those that ``values`` hold; one for each, or one for all.
        bounds: certified bounds likewise. Of a saved observable O that is 2 ‖O‖ times the
            ``truncation_error`` in the metadata.
        labels: names of the values, such as observables; default: those that they were saved
            by. Without names, and where they are too many to be written, values are numbered.
        reference: values to compare with, likewise.
        reference_label: its name.
        experiment: number of the circuit in a Qiskit result.
        figsize: width and height of a new figure in inches.
        ax: axes to draw into, whose room is shared with new ones below them if there is a
            reference; default: a new figure.
        filename: file to save to, a PNG, SVG or PDF by its end.

    Returns:
        The figure; pyplot does not hold it.

    Raises:
        TypeError: for something that holds no expectation values.
        ValueError: for numbers that do not fit each other, or are not finite.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from lret_qiskit import LRETEstimator
        >>> from lret_qiskit.visualization import plot_expectation_values
        >>> bell = QuantumCircuit(2)
        >>> _ = bell.h(0), bell.cx(0, 1)
        >>> result = LRETEstimator().run([(bell, ["ZZ", "XX", "YY"])]).result()
        >>> figure = plot_expectation_values(
        ...     result[0], labels=["ZZ", "XX", "YY"], reference=[1, 1, -1]
        ... )
        >>> len(figure.axes)
        2
    """
    check_filename(filename)
    found = _given(estimates(values, experiment), errors, bounds, labels)
    other = None if reference is None else estimates(reference, experiment)
    if other is not None and len(other.values) != len(found.values):
        raise ValueError(
            f"there must be {len(found.values)} values in reference, got {len(other.values)}"
        )
    ax = new_axes(ax, figsize)
    below = None if other is None else split_below(ax, 0.6)
    _draw(ax, found, "value")
    describe(ax, y="expectation value")
    if other is not None and below is not None:
        _draw_reference(ax, other, reference_label)
        below.axhline(0, color=GREY, linewidth=0.9)
        _draw(below, found.minus(other))
        describe(below, y=f"value −\n{reference_label}")
        figure_of(ax).align_ylabels([ax, below])
    _label(ax if below is None else below, found)
    add_legend(ax)
    return finish(ax, filename)


def _given(found: Estimates, errors: Any, bounds: Any, labels: Any) -> Estimates:
    """The values with what was given instead of what they hold."""
    size = len(found.values)
    if errors is not None:
        found = replace(found, errors=checked(errors, "errors", size))
    if bounds is not None:
        found = replace(found, bounds=checked(bounds, "bounds", size))
    if labels is not None:
        names = [str(each) for each in labels]
        if len(names) != size:
            raise ValueError(f"there must be {size} labels, got {len(names)}")
        found = replace(found, labels=names)
    return found


def _draw(ax: Axes, found: Estimates, label: str = "") -> None:
    """Points with both kinds of errors, where they are not zero."""
    places = np.arange(len(found.values))
    few = len(places) <= _FEW
    if found.bounds.max() > _ROUNDING:
        name = f"certified bound ≤ {found.bounds.max():.2g}" if label else ""
        pale: dict[str, Any] = {"ecolor": COLOURS["vermilion"], "alpha": 0.5, "label": name}
        width = 5 if few else 2.5
        ax.errorbar(places, found.values, found.bounds, fmt="none", elinewidth=width, **pale)
    if found.errors.any():
        name = f"standard error ≤ {found.errors.max():.2g}" if label else ""
        thin: dict[str, Any] = {"ecolor": "black", "elinewidth": 0.9, "label": name}
        caps = 2.5 if few else 0
        ax.errorbar(places, found.values, found.errors, fmt="none", capsize=caps, **thin)
    # So that marks at the edge are whole.
    ax.margins(y=0.12)
    size = 4.5 if few else 2.5
    dots: dict[str, Any] = {"color": COLOURS["blue"], "linestyle": "", "markersize": size}
    ax.plot(places, found.values, marker="o", label=label, zorder=3, **dots)
    # A power of ten above the axis would meet the legend.
    ax.yaxis.set_major_formatter("{x:g}")
    low, high = ax.get_ylim()
    if high - low < _ROUNDING:
        # Rounding alone is drawn as what it is: nothing.
        ax.set_ylim((low + high) / 2 - 0.1, (low + high) / 2 + 0.1)


def _draw_reference(ax: Axes, other: Estimates, label: str) -> None:
    places = np.arange(len(other.values))
    dash: dict[str, Any] = {"color": COLOURS["orange"], "linestyle": "", "zorder": 2}
    few = len(places) <= _FEW
    size, width = (13, 2.0) if few else (6, 1.2)
    ax.plot(places, other.values, marker="_", ms=size, mew=width, label=label, **dash)


def _label(ax: Axes, found: Estimates) -> None:
    """Name the places of the values."""
    count = len(found.values)
    room = max(0.6, 0.02 * count)
    ax.set_xlim(-room, count - 1 + room)
    y = ax.get_ylabel()
    if found.labels and count <= labels_fit(ax):
        describe(ax, x="observable", y=y)
        set_labels(ax, found.labels)
    else:
        describe(ax, x="number of the value", y=y)
        count_axis(ax.xaxis)
