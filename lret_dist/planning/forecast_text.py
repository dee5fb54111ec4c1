"""A forecast as text."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from lret_dist.units import size_text, time_text

if TYPE_CHECKING:
    from lret_dist.planning.forecast import Forecast
    from lret_dist.planning.prediction import Prediction

__all__ = ["HEADERS", "as_text", "facts", "notes", "rows", "title"]

#: Of the table of process grids.
HEADERS = (
    *("grid", "MPI ranks", "time", "computing", "talking"),
    *("memory", "sent", "messages", "fits"),
)


def as_text(forecast: Forecast) -> str:
    """Facts, a table of process grids, and what all that assumes."""
    named = [f"{name:<14}{text}" for name, text in facts(forecast).items()]
    text = fill(notes(forecast), 100)
    return "\n".join([title(forecast), "", *named, "", *_table(forecast), "", text])


def title(forecast: Forecast) -> str:
    """What runs on what."""
    number = forecast.threads_per_rank
    threads = "1 thread" if number == 1 else f"{number} threads"
    memory = size_text(forecast.memory_per_rank)
    return (
        f"{forecast.num_qubits} qubits, {forecast.steps} steps, on {forecast.mpi_ranks} MPI ranks "
        f"of {threads} and {memory} each"
    )


def facts(forecast: Forecast) -> dict[str, str]:
    """What the run takes on the grid that it would choose."""
    mine, grid = forecast.prediction, forecast.grid
    fits = "it fits" if forecast.fits() else "it does not fit"
    return {
        "method": _method(forecast),
        "process grid": f"{grid.rows} x {grid.columns} ({grid.kind}): {forecast.grid_reason}",
        "columns": _columns(forecast),
        "time": f"{time_text(mine.seconds)}: computing {time_text(mine.compute_seconds)}, "
        f"talking {time_text(mine.communication_seconds)}",
        "memory": f"{size_text(mine.memory_bytes)} on each MPI rank: {fits}",
        "messages": f"{mine.messages_per_rank:,.0f} of {size_text(mine.bytes_per_rank)} in all "
        "from each MPI rank",
    }


def _method(forecast: Forecast) -> str:
    switched, reason = forecast.prediction.switched_at, forecast.truncation_reason
    if forecast.method == "sampled":
        return f"small branches are sampled ({reason})"
    if switched:
        return f"a factor, and the density matrix from step {switched + 1} of {forecast.steps} on"
    if switched == 0:
        return "the density matrix"
    return f"a factor; small branches are discarded ({reason})"


def _columns(forecast: Forecast) -> str:
    mine = forecast.prediction
    if mine.batches:
        return f"{mine.batches} batches of {mine.rank}"
    fitting = "" if mine.switched_at == 0 else f"; {forecast.columns_that_fit:,} would fit"
    return f"{mine.rank:,}{fitting}"


def _table(forecast: Forecast) -> list[str]:
    cells = [HEADERS, *(row for row, _ in rows(forecast))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
        for row in cells
    ]


def rows(forecast: Forecast) -> list[tuple[tuple[str, ...], Prediction]]:
    """The grids by size, as cells of a table; the chosen one is marked."""
    shown = sorted(
        [forecast.prediction, *forecast.alternatives],
        key=lambda each: (each.grid.size, each.grid.rows),
    )
    return [(_cells(each, forecast), each) for each in shown]


def _cells(each: Prediction, forecast: Forecast) -> tuple[str, ...]:
    mark = "* " if each.grid == forecast.grid else ""
    return (
        f"{mark}{each.grid.rows} x {each.grid.columns}",
        f"{each.grid.size}",
        time_text(each.seconds),
        time_text(each.compute_seconds),
        time_text(each.communication_seconds),
        size_text(each.memory_bytes),
        size_text(each.bytes_per_rank),
        f"{each.messages_per_rank:,.0f}",
        "yes" if forecast.fits(each) else "no",
    )


def notes(forecast: Forecast) -> str:
    """What all that assumes."""
    speeds = forecast.speeds
    rough = "batches" if forecast.method == "sampled" else "columns"
    text = (
        "* is taken. Memory and messages are those of one MPI rank; Python and its libraries come "
        "on top of the memory. Assumed: an entry takes "
        f"{speeds.pass_seconds * 1e9:.2f} ns through a two-qubit gate, and a row and pair of "
        f"columns {speeds.gram_seconds * 1e9:.3f} ns in a Gram matrix, as measured on this "
        f"machine; a message takes {speeds.latency * 1e6:.3g} us, and each MPI rank sends "
        f"{speeds.bandwidth / 1e9:.3g} GB/s, without congestion. The number of {rough} is rough, "
        "often within a factor of two; time and memory follow it."
    )
    return f"{text} {forecast.warning}".rstrip()
