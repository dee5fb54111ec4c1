"""How runs scale over MPI ranks: measurements of benchmarks/scaling_test.py."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

from lret_qiskit.visualization.scaling_rows import MIB, Row, medians, speed_up, weak_efficiency
from lret_qiskit.visualization.sources import refused
from lret_qiskit.visualization.style import (
    COLOURS,
    GREY,
    MARKERS,
    add_legend,
    check_filename,
    describe,
    finish,
    new_axes,
    new_figure,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_scaling"]

#: Most MPI ranks that a linear axis shows.
_LINEAR = 8
_IDEAL: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 0.9}
#: Colour and dashes of each partition.
_PARTITIONS: dict[str, dict[str, Any]] = {
    "row": {"color": COLOURS["blue"], "linestyle": "-"},
    "column": {"color": COLOURS["orange"], "linestyle": "--"},
    "hybrid": {"color": COLOURS["green"], "linestyle": "-."},
    "auto": {"color": COLOURS["vermilion"], "linestyle": ":"},
}


def plot_scaling(
    document: Sequence[Row] | str | PathLike[str],
    *,
    section: Literal["strong", "weak", "memory", "projection"] | None = None,
    figsize: Sequence[float] | None = None,
    ax: Axes | None = None,
    filename: str | PathLike[str] | None = None,
) -> Figure:
    """Draw strong and weak scaling over MPI ranks, memory for each of them, and a projection.

    Medians over the runs of a configuration are drawn, with a line of what would be ideal. Hollow
    marks are runs of more threads than the machine had cores: their times say little.

    Args:
        document: rows as ``benchmarks/scaling_test.py --json`` keeps them, or that file.
        section: what to draw; default: a part for each section that there are rows of.
        figsize: width and height of a new figure in inches; default: 6.4 x 4.8 for one part, and
            12 wide for several.
        ax: axes to draw into, for one section; default: a new figure.
        filename: file to save to, a PNG, SVG or PDF by its end.

    Returns:
        The figure; pyplot does not hold it.

    Raises:
        TypeError: for something else than rows or a file.
        ValueError: when there is nothing to draw, or several sections and one place.
        OSError: when the file cannot be read.

    Example:
        >>> from lret_qiskit.visualization import plot_scaling
        >>> run = {"section": "strong", "case": "16 qubits", "threads": 1, "partition": "row"}
        >>> rows = [
        ...     run | {"ranks": ranks, "seconds": seconds, "predicted": {"seconds": seconds}}
        ...     for ranks, seconds in [(1, 8.0), (2, 4.4), (4, 2.5)]
        ... ]
        >>> figure = plot_scaling(rows)
        >>> figure.axes[0].get_ylabel()
        'speed-up'
    """
    check_filename(filename)
    parts = _parts(document, section)
    if ax is not None or len(parts) == 1:
        if len(parts) > 1:
            raise ValueError(f"ax has room for one section: choose one of {', '.join(parts)}")
        places = [new_axes(ax, figsize)]
    else:
        figure = new_figure(figsize or (12, 9 if len(parts) > 2 else 4.8))
        places = [
            figure.add_subplot((len(parts) + 1) // 2, 2, number + 1) for number in range(len(parts))
        ]
    for place, (name, rows) in zip(places, parts.items(), strict=True):
        try:
            _DRAWN[name](place, rows)
        except KeyError as error:
            raise ValueError(f"a row of {name!r} has no {error}") from None
    return finish(places[0], filename)


def _parts(document: Any, section: str | None) -> dict[str, list[Row]]:
    """The rows of each section that is drawn, those of one configuration as one."""
    if section not in (None, *_DRAWN):
        raise ValueError(f"section must be one of {', '.join(_DRAWN)}, got {section!r}")
    if isinstance(document, str | PathLike):
        document = _read(Path(document))
    listed = isinstance(document, list | tuple)
    if not listed or not all(isinstance(row, dict) and "section" in row for row in document):
        raise refused(document, "the rows of benchmarks/scaling_test.py, or their JSON file")
    wanted = _DRAWN if section is None else [section]
    try:
        parts = {name: medians(document, name) for name in wanted}
    except KeyError as error:
        raise ValueError(f"a row has no {error}") from None
    if not any(parts.values()):
        raise ValueError(f"there are no measurements of {section or ', '.join(_DRAWN)} to draw")
    return {name: rows for name, rows in parts.items() if rows}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not a JSON file: {error}") from None


def _draw_strong(ax: Axes, rows: list[Row]) -> None:
    """Speed-up: a marker for each circuit, a colour for each partition."""
    cases = sorted({row["case"] for row in rows})
    shown = []
    for number, case in enumerate(cases):
        mine = [row for row in rows if row["case"] == case and row["threads"] == 1]
        for partition, style in _PARTITIONS.items():
            some = [row for row in mine if row["ranks"] == 1 or row["partition"] == partition]
            if len(some) > 1:
                points = sorted((row["ranks"], speed_up(rows, row)) for row in some)
                marker = MARKERS[number % len(MARKERS)]
                ax.plot(*zip(*points, strict=True), marker=marker, ms=5, lw=1.1, **style)
                _hollow(ax, some, points, marker)
                shown.append(partition)
    ranks = _label_ranks(ax, rows)
    (ideal,) = ax.plot([1, ranks[-1]], [1, ranks[-1]], label="ideal", **_IDEAL)
    if ranks[-1] > _LINEAR:
        _powers_of_two(ax, "y")
    else:
        ax.set_ylim(bottom=0)
    handles = [
        Line2D([], [], color=GREY, marker=MARKERS[number % len(MARKERS)], ls="", ms=5, label=case)
        for number, case in enumerate(cases)
    ]
    handles += [
        Line2D([], [], lw=1.3, label=f"by {name}" if name in ("row", "column") else name, **style)
        for name, style in _PARTITIONS.items()
        if name in shown
    ]
    describe(ax, x="MPI ranks", y="speed-up")
    add_legend(ax, [*handles, ideal], title="Strong scaling")


def _draw_weak(ax: Axes, rows: list[Row]) -> None:
    """Efficiency with as much work for each MPI rank."""
    points = sorted((row["ranks"], weak_efficiency(rows, row)) for row in rows)
    ax.plot(*zip(*points, strict=True), marker="o", ms=5, label="by row", **_PARTITIONS["row"])
    _hollow(ax, rows, points, "o")
    ax.axhline(1, label="ideal", **_IDEAL)
    _label_ranks(ax, rows)
    ax.set_ylim(0, 1.1 * max(1.0, *(height for _, height in points)))
    describe(ax, x="MPI ranks", y="efficiency")
    add_legend(ax, title="Weak scaling")


def _draw_memory(ax: Axes, rows: list[Row]) -> None:
    """Memory of the fullest MPI rank."""
    ranks = _label_ranks(ax, rows, logarithmic=True)
    for partition, marker in (("row", "o"), ("column", "s")):
        mine = [row for row in rows if row["ranks"] == 1 or row["partition"] == partition]
        points = sorted((row["ranks"], max(row["memory"]) / MIB) for row in mine)
        style = {"marker": marker, "ms": 5, **_PARTITIONS[partition]}
        ax.plot(*zip(*points, strict=True), label=f"by {partition}", **style)
    first = min(rows, key=lambda row: row["ranks"])
    share = max(first["memory"]) / MIB * first["ranks"]
    ax.plot(ranks, [share / each for each in ranks], label="ideal: 1/P", **_IDEAL)
    _powers_of_two(ax, "y")
    describe(ax, x="MPI ranks", y="fullest MPI rank (MiB)")
    add_legend(ax, title="Memory")


def _draw_projection(ax: Axes, rows: list[Row]) -> None:
    """Time that is expected on more MPI ranks than there are."""
    ranks = _label_ranks(ax, rows, logarithmic=True)
    lines: list[tuple[str, str, dict[str, Any]]] = [
        ("seconds", "in all", {"color": GREY, "marker": "o", "ms": 8, "mfc": "white", "lw": 2.5}),
        ("compute_seconds", "computing", {"color": COLOURS["blue"], "marker": "s", "ms": 4}),
        ("communication_seconds", "communicating", {"color": COLOURS["orange"], "marker": "^"}),
    ]
    for name, label, style in lines:
        ax.plot(ranks, [row["prediction"][name] for row in rows], label=label, **style)
    first = rows[0]["prediction"]["seconds"] * ranks[0]
    ax.plot(ranks, [first / each for each in ranks], label="ideal", **_IDEAL)
    ax.set_yscale("log")
    describe(ax, x="MPI ranks", y="time (s)")
    title = f"Projection, {rows[0]['num_qubits']} qubits (not measured)"
    add_legend(ax, title=title)


def _hollow(ax: Axes, rows: list[Row], points: list[tuple[int, float]], marker: str) -> None:
    """Make the marks hollow of numbers of MPI ranks that had more threads than cores."""
    crowded = {row["ranks"] for row in rows if row.get("oversubscribed")}
    for ranks, height in points:
        if ranks in crowded:
            ax.plot(ranks, height, marker=marker, ms=2.5, color="white", zorder=3)


def _label_ranks(ax: Axes, rows: list[Row], *, logarithmic: bool = False) -> list[int]:
    """The x axis: numbers of MPI ranks, which are returned in order."""
    ranks = sorted({row["ranks"] for row in rows})
    if logarithmic or ranks[-1] > _LINEAR:
        _powers_of_two(ax, "x")
    if len(ranks) <= _LINEAR:
        ax.xaxis.set_major_locator(FixedLocator(ranks))
    return ranks


def _powers_of_two(ax: Axes, name: Literal["x", "y"]) -> None:
    """A logarithmic axis whose ticks are powers of two, written out."""
    axis = ax.xaxis if name == "x" else ax.yaxis
    (ax.set_xscale if name == "x" else ax.set_yscale)("log", base=2)
    axis.set_major_locator(LogLocator(base=2, numticks=9))
    axis.set_major_formatter(StrMethodFormatter("{x:,.4g}"))
    axis.set_minor_locator(NullLocator())


_DRAWN: dict[str, Callable[[Axes, list[Row]], None]] = {
    "strong": _draw_strong,
    "weak": _draw_weak,
    "memory": _draw_memory,
    "projection": _draw_projection,
}
