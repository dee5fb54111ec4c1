"""Counts as bars, with the errors that they are known to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lret_qiskit.visualization.distributions import Distribution, distribution
from lret_qiskit.visualization.style import (
    COLOURS,
    add_legend,
    axes_inches,
    check_filename,
    describe,
    finish,
    letter_size,
    new_axes,
    set_labels,
    text_inches,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["plot_counts"]

#: Outcomes for each inch of width, the least and the most of them.
_PER_INCH, _FEWEST, _MOST = 5, 4, 32
#: Largest part of the height that bit strings may take before they become hexadecimal.
_TALLEST = 0.3
#: Part of the highest bar's height below which a certified bound cannot be seen.
_UNSEEN = 5e-3
#: How much higher than all others the bar of the other outcomes may be without being cut.
_CUT = 2.0


def plot_counts(
    counts: Any,
    *,
    experiment: int = 0,
    reference: Any = None,
    reference_label: str = "reference",
    sort: Literal["value_desc", "asc"] = "value_desc",
    number_to_keep: int | None = None,
    keys: Literal["auto", "binary", "hex"] = "auto",
    figsize: Sequence[float] | None = None,
    ax: Axes | None = None,
    filename: str | PathLike[str] | None = None,
) -> Figure:
    """Draw counts as parts of the shots, with error bars.

    Thin bars with caps are standard errors: sqrt(p (1 - p) / N) of N shots. A run of LRET that has
    sampled small branches adds what its metadata's ``standard_error`` e stands for, as 1 / e**2
    further shots would; where it has saved values too, that is not known, and the error is that of
    the shots alone. Thick pale bars are systematic: the certified bound on what a run has
    discarded, which holds for any probability. They are left out where they could not be seen.

    Args:
        counts: counts by outcome, a Qiskit result, a sampler's result of one PUB, a ``BitArray``,
            or a result of ``lret_dist.simulate``. Outcomes are bit strings, strings such as
            ``"0x1f"``, or integers.
        experiment: number of the circuit in a Qiskit result.
        reference: what to draw beside them: any of those, or probabilities, by outcome or as an
            array of 2**n.
        reference_label: its name.
        sort: ``"value_desc"``, likeliest first, or ``"asc"``, by outcome.
        number_to_keep: most outcomes that are drawn by themselves, the likeliest; the others are
            one bar, which is cut, with its height in it, where it would make the others too small
            to see. Default: as many as the width has room for.
        keys: ``"binary"``, ``"hex"``, or ``"auto"``, hexadecimal where bit strings are too long.
        figsize: width and height of a new figure in inches.
        ax: axes to draw into; default: a new figure.
        filename: file to save to, a PNG, SVG or PDF by its end.

    Returns:
        The figure; pyplot does not hold it.

    Raises:
        TypeError: for something that holds no counts.
        ValueError: for outcomes or numbers that make no distribution, or an unknown option.
        QiskitError: when a result has no counts.

    Example:
        >>> from lret_qiskit.visualization import plot_counts
        >>> figure = plot_counts({"00": 510, "11": 490}, reference={"00": 0.5, "11": 0.5})
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['00', '11']
    """
    check_filename(filename)
    _check_options(sort, number_to_keep, keys)
    found = [distribution(counts, experiment)]
    if reference is not None:
        found.append(distribution(reference))
    ax = new_axes(ax, figsize)
    most = number_to_keep or int(np.clip(axes_inches(ax)[0] * _PER_INCH, _FEWEST, _MOST))
    kept, rest = _chosen(found, most, sort)
    bars = [_Bars.of(each, kept, rest, number, len(found)) for number, each in enumerate(found)]
    styles = (("", "sky", ""), (reference_label, "orange", "////"))
    highest = max(each.heights[: len(kept)].max() for each in bars)
    for each, (name, colour, hatch) in zip(bars, styles, strict=False):
        each.draw(ax, name, COLOURS[colour], hatch, unseen=_UNSEEN * highest)
    _label(ax, found[0], kept, rest, keys)
    _set_height(ax, bars, len(kept))
    add_legend(ax)
    return finish(ax, filename)


@dataclass(frozen=True)
class _Bars:
    """The bars of a distribution; arrays have one entry for each, that of all others last.

    Attributes:
        found: the distribution.
        places: of their middles.
        width: of each.
        heights: probabilities.
        errors: their standard errors.
    """

    found: Distribution
    places: NDArray[np.float64]
    width: float
    heights: NDArray[np.float64]
    errors: NDArray[np.float64]

    @classmethod
    def of(
        cls, found: Distribution, kept: list[int], rest: list[int], number: int, together: int
    ) -> _Bars:
        """The bars of one of several distributions that stand side by side."""
        heights = [found.weights.get(outcome, 0.0) for outcome in kept]
        if rest:
            heights.append(min(1.0, sum(found.weights.get(outcome, 0.0) for outcome in rest)))
        width = 0.8 / together
        places = np.arange(len(heights)) + (number - (together - 1) / 2) * width
        errors = np.array([found.standard_error(height) for height in heights], dtype=np.float64)
        return cls(found, places.astype(np.float64), width, np.array(heights), errors)

    def draw(self, ax: Axes, name: str, colour: str, hatch: str, *, unseen: float) -> None:
        """Draw them with their errors, but for a certified bound that is too small to see."""
        shots = f"{self.found.shots:,} shots" if self.found.shots else ""
        label = ", ".join(filter(None, (name, shots))) or "probabilities"
        style: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "white"}
        ax.bar(self.places, self.heights, self.width, linewidth=0.5, label=label, **style)
        if self.found.bound > unseen:
            both = np.minimum(self.found.bound, self.heights), 0 * self.heights + self.found.bound
            pale: dict[str, Any] = {"fmt": "none", "ecolor": COLOURS["vermilion"], "alpha": 0.6}
            label = "certified bound"
            ax.errorbar(self.places, self.heights, both, elinewidth=4, label=label, **pale)
        if self.found.shots:
            thin: dict[str, Any] = {"fmt": "none", "ecolor": "black", "elinewidth": 0.9}
            ax.errorbar(
                self.places, self.heights, self.errors, capsize=2, label="standard error", **thin
            )

    @property
    def tops(self) -> NDArray[np.float64]:
        """Heights with what is drawn above them."""
        return self.heights + np.maximum(self.errors, self.found.bound)


def _check_options(sort: str, number_to_keep: int | None, keys: str) -> None:
    if sort not in ("value_desc", "asc"):
        raise ValueError(f"sort must be 'value_desc' or 'asc', got {sort!r}")
    if keys not in ("auto", "binary", "hex"):
        raise ValueError(f"keys must be 'auto', 'binary' or 'hex', got {keys!r}")
    whole = isinstance(number_to_keep, int | np.integer) and not isinstance(number_to_keep, bool)
    if number_to_keep is not None and not (whole and number_to_keep > 0):
        raise ValueError(f"number_to_keep must be a positive integer, got {number_to_keep!r}")


def _chosen(found: list[Distribution], most: int, sort: str) -> tuple[list[int], list[int]]:
    """The outcomes that are drawn, in order, and those that are drawn as one."""
    outcomes = sorted({outcome for each in found for outcome in each.weights})
    # Of equally likely ones the lower first; the first distribution decides, where it can.
    likely = sorted(outcomes, key=lambda o: [-each.weights.get(o, 0.0) for each in found])
    if len(likely) <= most + 1:
        most = len(likely)
    kept, rest = likely[:most], likely[most:]
    return (sorted(kept) if sort == "asc" else kept), rest


def _set_height(ax: Axes, bars: list[_Bars], kept: int) -> None:
    """Make room for the highest bar; that of all others is cut where it would make them small.

    Args:
        ax: the axes.
        bars: the bars of each distribution.
        kept: number of outcomes that are drawn by themselves.
    """
    highest = max(each.tops[:kept].max() for each in bars)
    others = [(each.places[-1], each.heights[-1]) for each in bars if len(each.heights) > kept]
    if max((height for _, height in others), default=0.0) <= _CUT * highest:
        ax.set_ylim(0, 1.08 * max(each.tops.max() for each in bars))
        return
    ax.set_ylim(0, 1.3 * highest)
    frame = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
    text: dict[str, Any] = {
        "bbox": frame,
        "ha": "center",
        "va": "top",
        "rotation": 90,
    }
    for place, height in others:
        if height > highest:
            ax.text(place, 1.27 * highest, f"{height:.3g}", fontsize=letter_size(ax, 0.85), **text)


def _label(ax: Axes, found: Distribution, kept: list[int], rest: list[int], keys: str) -> None:
    """Outcomes below their bars."""
    count = len(kept) + bool(rest)
    centre, half = (count - 1) / 2, max(count, _FEWEST) / 2 + 0.1
    ax.set_xlim(centre - half, centre + half)
    labels = [found.bits(outcome) for outcome in kept]
    long = text_inches(ax, labels)
    width, height = axes_inches(ax)
    if keys == "hex" or (keys == "auto" and long > max(_TALLEST * height, width / (2 * half))):
        digits = -(-found.num_bits // 4)
        labels = [f"0x{outcome:0{digits}x}" for outcome in kept]
    others = f" (other: {len(rest):,} more)" if rest else ""
    describe(ax, x=f"outcome{others}", y="probability")
    set_labels(ax, [*labels, *["other"] * bool(rest)])
