"""Time and memory of LRET and Qiskit Aer side by side, for one comparison or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from lret_dist.units import size_text, time_text
from lret_qiskit.comparison import Comparison
from lret_qiskit.visualization.style import (
    COLOURS,
    GREY,
    MARKERS,
    check_filename,
    describe,
    figure_of,
    finish,
    is_own,
    letter_size,
    new_figure,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike

    from matplotlib.figure import Figure

    from lret_qiskit.comparison import SimulatorRuns

__all__ = ["plot_comparison"]

_MIB = 2**20
#: Figure in inches where axes are not given.
_SIZE = (9.0, 4.2)
#: Room at either end of a logarithmic axis, as a factor; the least span of one.
_ROOM, _LEAST_SPAN = 1.8, 8.0
#: Least memory that is drawn: below, the system counts too loosely.
_LEAST_BYTES = 1.0 * _MIB
_TRAJECTORIES = "Aer, trajectories"
#: Sides in the order of the legend, with their colours.
_SIDES = {
    "LRET": "blue",
    "Aer, density matrix": "orange",
    "Aer, state vector": "purple",
    _TRAJECTORIES: "green",
    "Aer": "vermilion",
}


@dataclass(frozen=True)
class _Point:
    """One value of one side, at a place of the horizontal axis."""

    side: str
    name: str
    place: float
    value: float
    at_least: bool


def plot_comparison(
    comparisons: Comparison | Iterable[Comparison],
    *,
    ax: Sequence[Axes] | None = None,
    figsize: Sequence[float] | None = None,
    filename: str | PathLike[str] | None = None,
) -> Figure:
    """Draw time and memory, both on logarithmic axes: by width where widths differ.

    Hollow markers are lower bounds: the limit of a run that was ended, and the memory that a
    state would take that was refused. Memory below 1 MiB is drawn as 1 MiB.

    Args:
        comparisons: one, or several.
        ax: two axes to draw into, for time and memory; default: those of a new figure.
        figsize: width and height of a new figure in inches.
        filename: where to save it, .png, .svg or .pdf.

    Raises:
        TypeError: for what are no comparisons, or not two axes.
        ValueError: for no comparison, or a format that is not there.
        OSError: when the file cannot be written.
    """
    check_filename(filename)
    found = _checked(comparisons)
    left, right = _both_axes(ax, figsize)
    names = list(dict.fromkeys(each.name for each in found))
    by_width = len({each.num_qubits for each in found}) > 1
    for axes, value, text, title in (
        (left, _seconds, _time, "median time"),
        (right, _bytes, size_text, "memory that a run adds"),
    ):
        points = _points(found, names, value, by_width=by_width)
        describe(axes, x="qubits" if by_width else "", y=title)
        _draw(axes, points, names, joined=by_width)
        _log_axis(axes, [each.value for each in points], text, in_bytes=value is _bytes)
        _places(axes, names, sorted({each.num_qubits for each in found}) if by_width else None)
        if len(found) == 1:
            _write_values(axes, points, text)
    _add_legend(left, _legend(found, names, by_width=by_width))
    return finish(left, filename)


def _time(seconds: float) -> str:
    """A time as text; other units than powers of ten would make ticks uneven."""
    if seconds < 1:
        return time_text(seconds)
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"


def _checked(comparisons: Comparison | Iterable[Comparison]) -> list[Comparison]:
    found = [comparisons] if isinstance(comparisons, Comparison) else list(comparisons)
    for each in found:
        if not isinstance(each, Comparison):
            raise TypeError(f"expected comparisons of compare_with_aer, got {type(each).__name__}")
    if not found:
        raise ValueError("there must be at least one comparison to draw")
    return sorted(found, key=lambda each: each.num_qubits)


def _both_axes(ax: Sequence[Axes] | None, figsize: Sequence[float] | None) -> tuple[Axes, Axes]:
    if ax is None:
        left, right = new_figure(_SIZE if figsize is None else figsize).subplots(1, 2)
        return left, right
    given = tuple(ax)
    if len(given) != 2 or not all(isinstance(each, Axes) for each in given):
        raise TypeError("ax must be two of matplotlib's Axes, for time and for memory")
    if figsize is not None:
        raise ValueError("figsize is that of a new figure; leave it out where ax is given")
    return given[0], given[1]


def _side(found: Comparison, row: SimulatorRuns) -> str:
    if row is found.lret:
        return "LRET"
    if row.method == "statevector":
        pure = row.error_kind == "exact" or not found.noisy
        return "Aer, state vector" if pure else _TRAJECTORIES
    return "Aer, density matrix" if row.method == "density_matrix" else "Aer"


def _seconds(found: Comparison, row: SimulatorRuns) -> tuple[float | None, bool]:
    """The time of a row, and whether it is at least that."""
    if row.status == "ended":
        return found.limit, True
    return row.median_seconds, False


def _bytes(_: Comparison, row: SimulatorRuns) -> tuple[float | None, bool]:
    """The memory of a row, and whether it is at least that."""
    if row.memory_mib is not None:
        return max(row.memory_mib * _MIB, _LEAST_BYTES), False
    known = row.predicted_mib if row.status in ("ended", "refused") else None
    return (None, False) if known is None else (max(known * _MIB, _LEAST_BYTES), True)


def _points(
    found: list[Comparison],
    names: list[str],
    value: Callable[[Comparison, SimulatorRuns], tuple[float | None, bool]],
    *,
    by_width: bool,
) -> list[_Point]:
    points = []
    for each in found:
        for row in each.runs:
            number, at_least = value(each, row)
            if number is not None:
                place = each.num_qubits if by_width else names.index(each.name)
                points.append(_Point(_side(each, row), each.name, place, number, at_least))
    return points


def _draw(axes: Axes, points: list[_Point], names: list[str], *, joined: bool) -> None:
    """Points in the colour of their side and with the marker of their circuit."""
    for side, colour in _SIDES.items():
        for number, name in enumerate(names):
            mine = [each for each in points if (each.side, each.name) == (side, name)]
            marker = _marker(number, joined=joined)
            if joined:
                # What is only known to be more does not bend a line.
                known = [each for each in mine if not each.at_least]
                axes.plot(
                    [each.place for each in known],
                    [each.value for each in known],
                    color=COLOURS[colour],
                    linewidth=1.2,
                )
            for each in mine:
                axes.plot(
                    [each.place],
                    [each.value],
                    marker=marker,
                    color=COLOURS[colour],
                    markerfacecolor="white" if each.at_least else COLOURS[colour],
                    markersize=6,
                    linestyle="none",
                )


def _marker(number: int, *, joined: bool) -> str:
    """Circuits that have a place of their own need no marker of their own."""
    return MARKERS[number % len(MARKERS)] if joined else MARKERS[0]


def _log_axis(
    axes: Axes, values: list[float], text: Callable[[float], str], *, in_bytes: bool
) -> None:
    """A logarithmic axis with a few ticks that have units."""
    low, high = min(values, default=1.0), max(values, default=1.0)
    middle = np.sqrt(low * high)
    span = max(high / low * _ROOM**2, _LEAST_SPAN)
    axes.set_yscale("log")
    axes.set_ylim(middle / np.sqrt(span), middle * np.sqrt(span))
    axis = axes.yaxis
    if in_bytes:
        axis.set_major_locator(LogLocator(base=2 if span < 100 else 4, numticks=10))
    else:
        subs = (1.0, 2.0, 5.0) if span < 100 else (1.0,)
        axis.set_major_locator(LogLocator(subs=subs, numticks=10))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _places(axes: Axes, names: list[str], widths: list[int] | None) -> None:
    """Ticks of the horizontal axis: widths, or circuits by name."""
    if widths is not None:
        axes.set_xticks(widths)
        return
    axes.set_xlim(-0.7, len(names) - 0.3)
    many = len(names) > 2
    axes.set_xticks(range(len(names)), names, rotation=30 if many else 0)
    for label in axes.get_xticklabels() if many else ():
        label.set(ha="right", rotation_mode="anchor")


def _write_values(axes: Axes, points: list[_Point], text: Callable[[float], str]) -> None:
    """Values beside their markers, those that are close apart from each other."""
    for number, each in enumerate(sorted(points, key=lambda each: each.value)):
        axes.annotate(
            f"{'> ' if each.at_least else ''}{text(each.value)}",
            (each.place, each.value),
            xytext=(10 if number % 2 else -10, 0),
            textcoords="offset points",
            ha="left" if number % 2 else "right",
            va="center",
            fontsize=letter_size(axes, 0.9),
        )


def _legend(found: list[Comparison], names: list[str], *, by_width: bool) -> list[Line2D]:
    """Sides, circuits where markers tell them apart, and what hollow markers are."""
    there = {_side(each, row) for each in found for row in each.runs}
    plain = by_width and len(names) > 1
    width, dot = 1.2 if by_width else 0.0, "none" if plain else "o"
    handles = [
        Line2D([], [], color=COLOURS[colour], linewidth=width, marker=dot, label=side)
        for side, colour in _SIDES.items()
        if side in there
    ]
    for number, name in enumerate(names if plain else ()):
        marker = _marker(number, joined=True)
        handles.append(Line2D([], [], color=GREY, linestyle="none", marker=marker, label=name))
    if any(row.status in ("ended", "refused") for each in found for row in each.runs):
        hollow = Line2D([], [], color=GREY, linestyle="none", marker="o", label="at least")
        hollow.set_markerfacecolor("white")
        handles.append(hollow)
    return handles


def _add_legend(ax: Axes, handles: list[Line2D]) -> None:
    """Above both axes of a new figure, in as many columns as fit; else in the first."""
    size = letter_size(ax, 0.9)
    if not is_own(ax):
        ax.legend(handles=handles, fontsize=size)
        return
    figure = figure_of(ax)
    for columns in range(len(handles), 0, -1):
        legend = figure.legend(
            handles=handles, loc="outside upper center", ncols=columns, fontsize=size, frameon=False
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()
