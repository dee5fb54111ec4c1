"""The plot of comparisons: what is drawn where, and what is refused."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from lret_qiskit.comparison import Comparison, SimulatorRuns
from lret_qiskit.visualization import plot_comparison


def comparison(qubits: int, *, ended: bool = False, name: str = "wall") -> Comparison:
    """LRET in 10 ms a qubit; Aer in as many seconds, or ended after 60 s."""
    mine = SimulatorRuns(
        simulator="LRET",
        method="low_rank",
        seconds=(0.01 * qubits,),
        memory_mib=0.2,
        error_kind="certified",
    )
    times = {"status": "ended"} if ended else {"seconds": (1.0 * qubits,), "memory_mib": 64.0}
    matrix = SimulatorRuns(
        simulator="Qiskit Aer",
        method="density_matrix",
        predicted_mib=16 * 4.0**qubits / 2**20,
        **times,
    )
    more = [SimulatorRuns(simulator="Qiskit Aer", method="statevector", seconds=(9.0,))]
    return Comparison(
        name=name,
        num_qubits=qubits,
        measured_qubits=qubits,
        shots=100,
        noisy=True,
        limit=60.0,
        runs=(mine, matrix, *(more if ended else [])),
    )


def markers(figure: Figure, axes: int) -> dict[tuple[float, float], bool]:
    """Places of all markers, and whether each is hollow."""
    lines = [line for line in figure.axes[axes].lines if line.get_marker() != "None"]
    return {
        (float(line.get_xdata()[0]), float(line.get_ydata()[0])): (
            line.get_markerfacecolor() == "white"
        )
        for line in lines
    }


def test_time_and_memory_by_width(tmp_path: Path) -> None:
    path = tmp_path / "comparison.svg"
    figure = plot_comparison([comparison(12, ended=True), comparison(8)], filename=path)
    times, memory = markers(figure, 0), markers(figure, 1)
    # What was ended took at least the limit, and at least the memory of its state.
    expected = {(8, 0.08): False, (8, 8): False, (12, 0.12): False, (12, 60): True, (12, 9): False}
    assert times == expected
    mib = 2.0**20
    assert memory == {
        (8, mib): False,
        (8, 64 * mib): False,
        (12, mib): False,
        (12, 256 * mib): True,
    }
    assert list(figure.axes[0].get_xticks()) == [8, 12]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["LRET", "Aer, density matrix", "Aer, trajectories", "at least"]
    assert path.read_text().startswith("<?xml")
    # Nothing is left open.
    assert plt.get_fignums() == []


def test_one_comparison_has_its_values_beside_it() -> None:
    figure = plot_comparison(comparison(8))
    assert {each.get_text() for each in figure.axes[0].texts} == {"80 ms", "8 s"}
    assert {each.get_text() for each in figure.axes[1].texts} == {"1 MiB", "64 MiB"}
    ticks = [each.get_text() for each in figure.axes[0].get_xticklabels()]
    assert ticks == ["wall"]


def test_circuits_of_one_width_have_places_of_their_own() -> None:
    figure = plot_comparison([comparison(8), comparison(8, name="ghz")])
    assert {place for place, _ in markers(figure, 0)} == {0, 1}


def test_axes_of_the_users_own() -> None:
    figure, axes = plt.subplots(1, 2)
    assert plot_comparison(comparison(8), ax=axes) is figure
    plt.close(figure)


@pytest.mark.parametrize(
    ("given", "options", "error", "problem"),
    [
        ([], {}, ValueError, "at least one comparison"),
        (["fast"], {}, TypeError, "expected comparisons of compare_with_aer, got str"),
        ([comparison(8)], {"ax": [1, 2]}, TypeError, "two of matplotlib's Axes"),
        ([comparison(8)], {"filename": "plot.txt"}, ValueError, "filename must end in"),
    ],
)
def test_what_is_refused(given: list, options: dict, error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=problem):
        plot_comparison(given, **options)
