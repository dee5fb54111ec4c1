"""What all plots share, and what they need: figures, files, matplotlib."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from lret_qiskit.visualization import plot_counts, plot_expectation_values

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = {"00": 510, "11": 490}


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_matplotlib_is_loaded_only_by_the_plots() -> None:
    """And is asked for by name where it is missing."""
    ended = run(
        "import sys, lret_qiskit, lret_qiskit.cli\n"
        "print([name for name in sys.modules if name.startswith('matplotlib')])\n"
        "sys.modules['matplotlib'] = None\n"
        "import lret_qiskit.visualization\n"
    )
    assert ended.stdout.strip() == "[]"
    assert ended.returncode == 1
    assert "ImportError: lret_qiskit.visualization draws with matplotlib" in ended.stderr
    assert ended.stderr.strip().endswith('pip install "lret-dist[visualization]"')


def test_a_figure_is_shown_by_a_notebook_and_not_kept_by_pyplot() -> None:
    figure = plot_counts(COUNTS)
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("end", "magic"),
    [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")],
)
def test_files_have_the_format_of_their_end(end: str, magic: bytes, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.{end}" for number in range(2)]
    plot_counts(COUNTS, filename=files[0])
    plot_counts(COUNTS, filename=str(files[1]))
    first, second = (file.read_bytes() for file in files)
    assert first.startswith(magic)
    assert first == second


def test_axes_that_are_given_are_drawn_into(tmp_path: Path) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    file = tmp_path / "both.png"
    assert plot_counts(COUNTS, ax=left) is figure
    assert plot_expectation_values([1, 2], ax=right, filename=file) is figure
    assert (left.get_ylabel(), right.get_ylabel()) == ("probability", "expectation value")
    assert file.exists()


@pytest.mark.parametrize("free", [False, True])
def test_a_second_part_shares_the_room_of_given_axes(free: bool) -> None:
    figure = Figure(figsize=(8, 4))
    ax = figure.add_axes((0.5, 0.1, 0.4, 0.8)) if free else figure.add_subplot(1, 2, 2)
    before = ax.get_position()
    plot_expectation_values([1, 2], reference=[1, 1], ax=ax)
    upper, lower = figure.axes
    assert upper is ax
    boxes = upper.get_position(), lower.get_position()
    assert boxes[0].y1 == pytest.approx(before.y1)
    assert boxes[1].y0 == pytest.approx(before.y0)
    assert boxes[0].y0 > boxes[1].y1
    assert {(box.x0, box.x1) for box in boxes} == {(before.x0, before.x1)}


def test_axes_in_a_part_of_a_figure_give_all_of_it() -> None:
    figure = Figure()
    part = figure.subfigures(1, 2)[0]
    assert plot_counts(COUNTS, ax=part.add_subplot()) is figure


@pytest.mark.parametrize("size", [(3.2, 2.4), (12, 4)])
def test_nothing_is_clipped_and_no_labels_overlap(size: tuple[float, float]) -> None:
    counts = {f"{number:012b}": 1000 - number for number in range(0, 4000, 40)[:25]}
    figure = plot_counts(counts, reference={0: 1.0}, figsize=size)
    figure.draw_without_rendering()
    (ax,) = figure.axes
    inside = figure.bbox.padded(1)
    legend = ax.get_legend()
    labels = [each.get_window_extent() for each in ax.get_xticklabels()]
    for box in (*labels, legend.get_window_extent(), ax.yaxis.label.get_window_extent()):
        assert inside.x0 <= box.x0
        assert inside.y0 <= box.y0
        assert box.x1 <= inside.x1
        assert box.y1 <= inside.y1
    assert all(left.x1 <= right.x0 for left, right in pairwise(labels))
    assert legend.get_window_extent().y0 >= ax.get_window_extent().y1 - 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"filename": "plot.doc"}, ValueError, r"end in \.png, \.svg or \.pdf, got 'plot\.doc'"),
        ({"filename": 3}, TypeError, "filename must be a path, got int"),
        ({"filename": "no/such/folder.png"}, FileNotFoundError, "there is no folder 'no/such'"),
        ({"ax": "left"}, TypeError, "ax must be matplotlib's Axes, got str"),
        ({"ax": Figure().add_subplot(), "figsize": (3, 3)}, ValueError, "leave it out"),
        ({"figsize": (3,)}, ValueError, r"width and height in inches, got \(3,\)"),
        ({"figsize": 3}, ValueError, "width and height in inches, got 3"),
        ({"figsize": (3, -1)}, ValueError, "width and height in inches"),
    ],
)
def test_what_cannot_be_drawn_to_is_refused(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plot_counts(COUNTS, **options)  # type: ignore[arg-type]
