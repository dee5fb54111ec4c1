"""What all plots share: colours, figures that show in a notebook, axes, and how they are saved."""

from __future__ import annotations

from io import BytesIO
from math import ceil
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lret_dist.files.atomic_file import replacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axis import Axis

__all__ = [
    "COLOURS",
    "FORMATS",
    "GREY",
    "MARKERS",
    "add_legend",
    "axes_inches",
    "check_filename",
    "count_axis",
    "describe",
    "figure_of",
    "finish",
    "is_own",
    "labels_fit",
    "letter_size",
    "new_axes",
    "new_figure",
    "set_labels",
    "split_below",
    "text_inches",
]

#: Colours of Okabe and Ito, which all kinds of colour vision tell apart, ordered so that
#: neighbours differ in lightness too, for prints without colour.
COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
}
GREY = "#666666"
#: Markers that go with the colours in their order.
MARKERS = "osD^vP"
#: Formats of files, by the end of their names.
FORMATS = ("png", "svg", "pdf")
#: Size of a figure in inches where none is asked for.
_SIZE = (6.4, 4.8)
_MOST_INCHES = 200
#: Widths of axes in inches between which letters grow, and the share of their size at the first.
_WIDTHS, _LEAST = (2.5, 5.0), 0.72
#: Size of the labels of ticks against that of axis labels, and width of a digit against its size.
_TICKS, _DIGIT = 0.9, 0.65
#: Dots per inch of saved images, and points.
_DPI, _POINTS = 200, 72


class _ShownFigure(Figure):
    """A figure that a notebook shows, also where pyplot, which keeps figures, was not imported."""

    def _repr_png_(self) -> bytes:
        file = BytesIO()
        self.savefig(file, format="png", dpi=_DPI / 2)
        return file.getvalue()


def check_filename(filename: str | PathLike[str] | None) -> None:
    """Refuse the name of a file before anything is drawn.

    Raises:
        TypeError: for what is no path.
        ValueError: for a format that is not there.
        FileNotFoundError: when there is no such folder.
    """
    if filename is None:
        return
    if not isinstance(filename, str | PathLike):
        raise TypeError(f"filename must be a path, got {type(filename).__name__}")
    if Path(filename).suffix[1:].lower() not in FORMATS:
        raise ValueError(
            f"filename must end in .{', .'.join(FORMATS[:-1])} or .{FORMATS[-1]}, "
            f"got {fspath(filename)!r}"
        )
    folder = Path(filename).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {str(folder)!r} to save the plot in")


def new_axes(ax: Axes | None, figsize: Sequence[float] | None) -> Axes:
    """The given axes, or those of a new figure, which pyplot does not know.

    Args:
        ax: axes to draw into, or None.
        figsize: width and height of a new figure in inches; default: 6.4 x 4.8.

    Raises:
        TypeError: for something else than axes.
        ValueError: for both, or a size that is not two positive numbers.
    """
    if ax is not None:
        if not isinstance(ax, Axes):
            raise TypeError(f"ax must be matplotlib's Axes, got {type(ax).__name__}")
        if figsize is not None:
            raise ValueError("figsize is that of a new figure; leave it out where ax is given")
        return ax
    made: Axes = new_figure(figsize).add_subplot()
    return made


def new_figure(figsize: Sequence[float] | None) -> Figure:
    """An empty figure, which pyplot does not know; see :func:`new_axes`."""
    size = np.asarray(_SIZE if figsize is None else figsize)
    if (
        size.dtype.kind not in "if"
        or size.shape != (2,)
        or not ((size > 0) & (size < _MOST_INCHES)).all()
    ):
        raise ValueError(f"figsize must be width and height in inches, got {figsize!r}")
    return _ShownFigure(figsize=tuple(size.tolist()), layout="constrained")


def figure_of(ax: Axes) -> Figure:
    """The whole figure that axes are in, also where they are in a part of it."""
    whole: Any = ax.figure.figure
    return cast("Figure", whole)


def letter_size(ax: Axes, share: float = 1.0) -> float:
    """Size of letters in points: matplotlib's setting, and less in narrow parts of new figures.

    Args:
        ax: where they are written.
        share: of that of axis labels.
    """
    size = float(mpl.rcParams["font.size"])
    if is_own(ax):
        size *= float(np.interp(axes_inches(ax)[0], _WIDTHS, (_LEAST, 1.0)))
    return share * size


def is_own(ax: Axes) -> bool:
    """Whether axes are in a figure that was made here: then all of it may be arranged."""
    return isinstance(figure_of(ax), _ShownFigure)


def axes_inches(ax: Axes) -> tuple[float, float]:
    """Width and height of axes in inches, about: before labels have taken their room."""
    box, figure = ax.get_window_extent(), figure_of(ax)
    return box.width / figure.dpi, box.height / figure.dpi


def describe(ax: Axes, *, x: str = "", y: str = "") -> None:
    """Name the axes, with units, and leave of their frame what helps to read them."""
    ax.set_xlabel(x, fontsize=letter_size(ax))
    ax.set_ylabel(y, fontsize=letter_size(ax))
    ax.tick_params(labelsize=letter_size(ax, _TICKS))
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    ax.grid(axis="y", color="#dddddd", linewidth=0.6)


def add_legend(ax: Axes, handles: Sequence[Any] | None = None, title: str = "") -> None:
    """Say what is drawn: above axes of a new figure, in as many columns as fit, else inside.

    Args:
        ax: the axes.
        handles: what is named, in order; default: all that has a label. Nothing for none.
        title: what the axes show, where that needs to be said.
    """
    given = ax.get_legend_handles_labels()[0] if handles is None else list(handles)
    # What is drawn for each of several things alike is named once.
    given = list({str(each.get_label()): each for each in reversed(given)}.values())[::-1]
    if not given:
        return
    size = letter_size(ax, 0.85)
    if not is_own(ax):
        ax.legend(handles=given, fontsize=size)
        if title:
            ax.set_title(title)
        return
    for columns in range(len(given), 0, -1):
        legend = ax.legend(
            handles=given,
            fontsize=size,
            ncols=columns,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            frameon=False,
            borderaxespad=0.2,
            columnspacing=1.2,
            handlelength=1.7,
            title=title or None,
            title_fontsize=letter_size(ax),
            alignment="left",
        )
        if legend.get_window_extent().width <= ax.get_window_extent().width:
            return


def text_inches(ax: Axes, labels: Sequence[str]) -> float:
    """Length of the longest label of a tick in inches, about."""
    return max(map(len, labels)) * _DIGIT * letter_size(ax, _TICKS) / _POINTS


def labels_fit(ax: Axes) -> int:
    """How many upright labels the x axis has room for, about."""
    return int(axes_inches(ax)[0] * _POINTS / (1.1 * letter_size(ax, _TICKS)))


def set_labels(ax: Axes, labels: Sequence[str]) -> None:
    """Label the places 0, 1, ... of the x axis, whose limits are set.

    Labels stand upright where there is no room for them beside each other, and where there is not
    for that either, only some of them are shown.
    """
    low, high = ax.get_xlim()
    room = axes_inches(ax)[0] / (high - low)
    upright = text_inches(ax, labels) > 0.95 * room
    every = max(1, ceil((high - low) / labels_fit(ax))) if upright else 1
    places = range(0, len(labels), every)
    ax.set_xticks(places, [labels[k] for k in places], rotation=90 if upright else 0)


def count_axis(axis: Axis) -> None:
    """Ticks at whole numbers."""
    steps = (1, 2, 5, 10)
    axis.set_major_locator(MaxNLocator(nbins="auto", steps=steps, integer=True, min_n_ticks=1))


def split_below(ax: Axes, share: float) -> Axes:
    """New axes in the lower part of the room of the given ones, with the same x axis.

    Args:
        ax: axes, which keep the upper part.
        share: height of the new axes against that of the given ones.
    """
    place = ax.get_subplotspec()
    if place is None:
        left, bottom, width, height = ax.get_position().bounds
        lower = height * share / (1 + share)
        ax.set_position((left, bottom + lower, width, height - lower))
        below = ax.figure.add_axes((left, bottom, width, 0.85 * lower), sharex=ax)
    else:
        rooms = place.subgridspec(2, 1, height_ratios=(1, share), hspace=0.08)
        ax.set_subplotspec(rooms[0])
        below = ax.figure.add_subplot(rooms[1], sharex=ax)
    ax.tick_params(labelbottom=False)
    return below


def finish(ax: Axes, filename: str | PathLike[str] | None) -> Figure:
    """The figure of axes, saved where that is asked for.

    Args:
        ax: axes of the figure.
        filename: file to write, as a whole or not at all; its end names the format.

    Raises:
        OSError: when it cannot be written.
    """
    figure = figure_of(ax)
    if filename is not None:
        kind = Path(filename).suffix[1:].lower()
        # Without the date and random names, the same plot gives the same file.
        dates: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        box = None if is_own(ax) else "tight"
        # Letters as TrueType, which journals ask for.
        settings = mpl.rc_context({"svg.hashsalt": "lret", "pdf.fonttype": 42})
        with settings, replacing(filename) as file:
            figure.savefig(file, format=kind, dpi=_DPI, bbox_inches=box, metadata=dates.get(kind))
    return figure
