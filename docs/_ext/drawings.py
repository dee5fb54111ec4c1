"""The drawings of the page "How it works", as SVG whose colours are those of the theme."""

from __future__ import annotations

import itertools
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DRAWINGS", "Picture"]

WIDTH = 560
#: Classes of ``site.css``; columns of one colour come from one another.
FILLS = ("fill-a", "fill-b", "fill-c", "fill-d")


class Picture:
    """An SVG that is put together shape by shape; lengths are its own units."""

    def __init__(self, height: float) -> None:
        self._height = height
        self._shapes: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """A rectangle."""
        size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        self._shapes.append(f'<rect {size} class="{kind}"/>')

    def text(self, x: float, y: float, words: str, kind: str = "middle") -> None:
        """Words whose middle, or with ``kind`` start or end, stands at x."""
        self._shapes.append(f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(words)}</text>')

    def line(self, x: float, y: float, to_x: float, to_y: float, kind: str = "line") -> None:
        """A straight line."""
        ends = f'x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}"'
        self._shapes.append(f'<line {ends} class="{kind}"/>')

    def arrow(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """A line with a head, along one of the axes."""
        self.line(x, y, to_x, to_y)
        across, along = (5, 8) if to_x == x else (8, 5)
        back = 1 if (to_x, to_y) > (x, y) else -1
        if to_x == x:
            corners = [(to_x - across, to_y - back * along), (to_x + across, to_y - back * along)]
        else:
            corners = [(to_x - back * across, to_y - along), (to_x - back * across, to_y + along)]
        points = " ".join(f"{a:g},{b:g}" for a, b in [(to_x, to_y), *corners])
        self._shapes.append(f'<polygon points="{points}" class="head"/>')

    def columns(
        self, x: float, y: float, height: float, kinds: list[str], width: float = 12
    ) -> None:
        """Columns of a matrix, side by side."""
        for number, kind in enumerate(kinds):
            self.box(x + number * width, y, width - 2, height, kind)

    def svg(self, description: str) -> str:
        """The whole, with what it says for those who cannot see it."""
        head = (
            f'viewBox="0 0 {WIDTH} {self._height:g}" role="img" aria-label="{escape(description)}"'
        )
        return f'<svg xmlns="http://www.w3.org/2000/svg" {head}>{"".join(self._shapes)}</svg>'


def factor() -> Picture:
    """The density matrix as the product of a factor and its adjoint."""
    picture = Picture(236)
    picture.box(40, 40, 150, 150, "fill-weak")
    picture.text(115, 121, "ρ")
    picture.text(115, 28, "2ⁿ × 2ⁿ")
    picture.text(115, 214, "4ⁿ numbers", "middle weak")
    picture.text(222, 121, "=")
    picture.columns(256, 40, 150, ["fill-a"] * 3, 14)
    picture.text(276, 28, "2ⁿ × r")
    picture.text(276, 214, "L: 2ⁿ · r numbers", "middle weak")
    picture.text(326, 121, "·")
    for row in range(3):
        picture.box(352, 94 + 14 * row, 150, 12, "fill-b")
    picture.text(427, 80, "r × 2ⁿ")
    picture.text(427, 162, "L†", "middle weak")
    return picture


def step() -> Picture:
    """What a gate, noise and a compression do to the columns."""
    picture = Picture(208)
    first = ["fill-a", "fill-b", "fill-c"]
    stages = [
        (24, "L", first),
        (138, "U L", first),
        (252, "[K₀L, K₁L]", [*first, "fill-a faint", "fill-b faint", "fill-c faint"]),
        (424, "L V", [*first, "fill-d"]),
    ]
    for x, name, kinds in stages:
        picture.columns(x, 44, 110, kinds, 14)
        picture.text(x + 7 * len(kinds) - 1, 176, name)
    for x, to_x, words, y in (
        (72, 132, "gate", 88),
        (186, 246, "noise", 88),
        (344, 418, "compress", 88),
    ):
        picture.text((x + to_x) / 2, y - 8, words, "middle small")
        picture.arrow(x, y + 10, to_x, y + 10)
    picture.text(44, 28, "rank 3", "middle weak")
    picture.text(158, 28, "rank 3", "middle weak")
    picture.text(293, 28, "rank 6", "middle weak")
    picture.text(451, 28, "rank 4", "middle weak")
    picture.text(293, 198, "branching", "middle weak")
    picture.text(451, 198, "rotate, drop the least", "middle weak")
    return picture


def certificate() -> Picture:
    """Weights of the columns in order, and the tail that is discarded."""
    picture = Picture(226)
    weights = [120, 78, 50, 33, 21, 14, 9, 6, 4, 3, 2, 2, 1.5, 1.5]
    kept = 7
    for number, height in enumerate(weights):
        kind = "fill-a" if number < kept else "fill-d"
        picture.box(60 + 26 * number, 160 - height, 20, height, kind)
    picture.line(50, 160, 434, 160)
    picture.text(60, 28, "weight of a column", "start weak")
    border = 60 + 26 * kept - 3
    picture.line(border, 44, border, 172, "line dashed")
    picture.text((56 + border) / 2, 184, "kept: Tr L†L", "middle")
    picture.text((border + 434) / 2, 184, "discarded", "middle")
    picture.text((border + 434) / 2, 208, "1 − Tr L†L = the error", "middle weak")
    return picture


def sampled() -> Picture:
    """Exact columns beside sampled ones that gather what is left out."""
    picture = Picture(232)
    picture.columns(30, 44, 120, ["fill-a", "fill-b", "fill-c"], 16)
    picture.text(53, 28, "exact")
    picture.text(53, 186, "large branches", "middle weak")
    picture.text(53, 206, "are kept", "middle weak")
    picture.text(268, 28, "small branches, side by side on an axis of weight", "middle weak")
    edges = [150, 186, 206, 250, 262, 300, 342, 352, 386]
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        picture.box(start, 60, end - start - 2, 26, FILLS[number % 3])
    for point in (170, 228, 286, 344):
        picture.arrow(point, 116, point, 90)
        picture.text(point, 134, "●", "middle small")
    picture.text(268, 164, "points at equal distances, from a random start", "middle weak")
    picture.arrow(398, 73, 452, 73)
    picture.columns(462, 44, 120, ["fill-d"] * 4, 16)
    picture.text(493, 28, "sampled")
    picture.text(493, 186, "their spread is", "middle weak")
    picture.text(493, 206, "the standard error", "middle weak")
    return picture


def process_grid() -> Picture:
    """The factor on four MPI ranks, by rows, by columns and by both."""
    picture = Picture(210)
    for x, name, rows, columns in ((30, "row", 4, 1), (215, "column", 1, 4), (400, "hybrid", 2, 2)):
        for i in range(rows):
            for j in range(columns):
                width, height = 130 / columns, 120 / rows
                left, top = x + j * width, 40 + i * height
                picture.box(left, top, width - 3, height - 3, FILLS[i * columns + j])
                picture.text(
                    left + width / 2 - 2, top + height / 2 + 4, str(i * columns + j), "inside"
                )
        picture.text(x + 64, 26, f'"{name}"', "middle")
        picture.text(x + 64, 186, f"{rows} × {columns}", "middle weak")
    return picture


#: Every drawing by its name.
DRAWINGS: dict[str, Callable[[], Picture]] = {
    "factor": factor,
    "step": step,
    "certificate": certificate,
    "sampled": sampled,
    "process-grid": process_grid,
}
