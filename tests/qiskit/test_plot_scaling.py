"""Scaling over MPI ranks as it is drawn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from lret_qiskit.visualization import plot_scaling

if TYPE_CHECKING:
    from pathlib import Path


def row(section: str, ranks: int, seconds: float, **more: Any) -> dict[str, Any]:
    facts = {"section": section, "case": "wall", "ranks": ranks, "seconds": seconds, "threads": 1}
    facts |= {"partition": "row", "predicted": {"seconds": seconds}, "oversubscribed": False}
    return facts | more


STRONG = [
    row("strong", 1, 9.0, partition="auto"),
    row("strong", 1, 8.0, partition="auto"),
    row("strong", 1, 7.0, partition="auto"),
    row("strong", 2, 4.0),
    row("strong", 4, 3.2, oversubscribed=True),
    row("strong", 2, 5.0, partition="column"),
    row("strong", 1, 1.0, threads=2),
]
WEAK = [row("weak", ranks, seconds, work=ranks) for ranks, seconds in ((1, 1.0), (2, 1.25))]
MEMORY = [
    row("memory", 1, 1.0, memory=[2**30]),
    row("memory", 2, 1.0, memory=[2**29, 2**28]),
    row("memory", 2, 1.0, memory=[2**29, 2**29 + 2**20], partition="column"),
]
PROJECTION = [
    {"section": "projection", "ranks": ranks, "num_qubits": 32}
    | {
        "prediction": {
            "seconds": 64 / ranks + 1,
            "compute_seconds": 64 / ranks,
            "communication_seconds": 1.0,
        }
    }
    for ranks in (4, 16, 64)
]


def lines(figure: Figure) -> list[list[tuple[float, float]]]:
    """Points of all lines that are more than a mark."""
    found = [line.get_xydata().tolist() for line in figure.axes[0].lines]
    return [[tuple(point) for point in each] for each in found if len(each) > 1]


def test_strong_scaling_is_the_speed_up_of_medians() -> None:
    figure = plot_scaling(STRONG)
    assert lines(figure) == [[(1, 1), (2, 2), (4, 2.5)], [(1, 1), (2, 1.6)], [(1, 1), (4, 4)]]
    (ax,) = figure.axes
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "Strong scaling"
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["wall", "by row", "by column", "ideal"]
    # The run of more threads than cores is hollow.
    (hollow,) = (line for line in ax.lines if len(line.get_xydata()) == 1)
    assert hollow.get_xydata().tolist() == [[4, 2.5]]
    assert list(ax.get_xticks()) == [1, 2, 4]


def test_the_other_sections() -> None:
    assert lines(plot_scaling(WEAK))[0] == [(1, 1), (2, 0.8)]
    by_row, by_column, ideal = lines(plot_scaling(MEMORY))
    assert by_row == [(1, 1024), (2, 512)]
    assert by_column == [(1, 1024), (2, 513)]
    assert ideal == [(1, 1024), (2, 512)]
    figure = plot_scaling(PROJECTION)
    times, computing, _, ideal = lines(figure)
    assert times == [(4, 17), (16, 5), (64, 2)]
    assert computing == [(4, 16), (16, 4), (64, 1)]
    np.testing.assert_allclose([height for _, height in ideal], [17, 4.25, 1.0625])
    title = figure.axes[0].get_legend().get_title().get_text()
    assert title == "Projection, 32 qubits (not measured)"


def test_all_sections_of_a_file_stand_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "scaling.json"
    file.write_text(json.dumps(STRONG + WEAK + MEMORY + PROJECTION))
    figure = plot_scaling(file, filename=tmp_path / "scaling.png")
    titles = [ax.get_legend().get_title().get_text().split(",")[0] for ax in figure.axes]
    assert titles == ["Strong scaling", "Weak scaling", "Memory", "Projection"]
    assert (tmp_path / "scaling.png").exists()
    assert len(plot_scaling(str(file), section="weak").axes) == 1


def test_one_section_goes_into_given_axes() -> None:
    ax = Figure().add_subplot()
    assert plot_scaling(STRONG + WEAK, section="weak", ax=ax) is ax.figure
    assert ax.get_title() == "Weak scaling"


def test_many_mpi_ranks_have_logarithmic_axes() -> None:
    (ax,) = plot_scaling([*STRONG, row("strong", 64, 0.25)]).axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


@pytest.mark.parametrize(
    ("document", "options", "error", "message"),
    [
        ([], {}, ValueError, "there are no measurements"),
        (WEAK, {"section": "strong"}, ValueError, "there are no measurements of strong"),
        (WEAK, {"section": "wide"}, ValueError, "section must be one of strong, weak"),
        (WEAK + STRONG, {"ax": Figure().add_subplot()}, ValueError, "choose one of strong, weak"),
        (STRONG[3:], {}, ValueError, "no run of 'wall' on one MPI rank of one thread"),
        ({"rows": []}, {}, TypeError, "expected the rows of benchmarks/scaling_test.py"),
        ("no.json", {}, FileNotFoundError, "no.json"),
        (__file__, {}, ValueError, "test_plot_scaling.py is not a JSON file"),
        ([{"section": "strong"}], {}, ValueError, "a row has no 'case'"),
        ([row("weak", 1, 1.0)], {}, ValueError, "a row of 'weak' has no 'work'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    document: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plot_scaling(document, **options)
