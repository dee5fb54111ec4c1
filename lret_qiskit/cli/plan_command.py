"""``lret plan``: what a run would take, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

import lret_dist
from lret_dist import Network
from lret_dist.planning.forecast import bytes_of, plan_request
from lret_dist.planning.forecast_text import HEADERS, facts, notes, rows, title
from lret_qiskit.cli.messages import usage_errors
from lret_qiskit.cli.run_options import NamedRun, circuit_file, plan_options
from lret_qiskit.cli.run_summary import facts_table
from lret_qiskit.cli.terminal import MUTED, as_json, is_read_by_a_person, show

if TYPE_CHECKING:
    from pathlib import Path

    from lret_dist import Forecast

__all__ = ["plan"]

_POSITIVE = click.FloatRange(0, min_open=True)


@click.command(short_help="Tell what a run would take, without running it.")
@circuit_file
@plan_options
@click.option(
    "-P", "--mpi-ranks", type=click.IntRange(1), default=1, help="MPI ranks.  [default: 1]"
)
@click.option(
    "--threads-per-rank",
    type=click.IntRange(1),
    default=1,
    help="Threads of each MPI rank.  [default: 1]",
)
@click.option(
    "--memory-per-rank",
    help='What each MPI rank may use, as "4GiB".  [default: its share of what is free here]',
)
@click.option(
    "--latency", type=_POSITIVE, help="Seconds that an empty message takes.  [default: 2e-6]"
)
@click.option(
    "--bandwidth",
    type=_POSITIVE,
    help="Bytes that an MPI rank sends in a second.  [default: 1e10]",
)
def plan(
    file: Path,
    mpi_ranks: int,
    threads_per_rank: int,
    memory_per_rank: str | None,
    latency: float | None,
    bandwidth: float | None,
    **given: Any,
) -> None:
    """Tell what "lret run" of the circuit in FILE would take on each partition; nothing is run.

    Time, memory and messages on -P MPI ranks, which need not be there: on the process grid that
    the run would take, on others, and on fewer and more MPI ranks. The speed of the kernels is
    measured here, that of the network is assumed.

    A terminal shows a table, and a pipe or file gets all of it as JSON.
    """
    network = _network(latency, bandwidth)
    memory = None
    if memory_per_rank is not None:
        with usage_errors():
            memory = bytes_of("memory_per_rank", memory_per_rank)
    named = NamedRun.of(file, given)
    forecast = plan_request(
        named.request(),
        mpi_ranks=mpi_ranks,
        threads_per_rank=threads_per_rank,
        memory_per_rank=memory,
        network=network,
    )
    if is_read_by_a_person():
        show(_table(forecast))
    else:
        click.echo(as_json(_document(file, named, forecast)))


def _network(latency: float | None, bandwidth: float | None) -> Network:
    given = {"latency": latency, "bandwidth": bandwidth}
    with usage_errors():
        return Network(**{name: value for name, value in given.items() if value is not None})


def _document(file: Path, named: NamedRun, forecast: Forecast) -> dict[str, Any]:
    document = {
        "file": str(file),
        "circuit": named.circuit.name,
        "lret_version": lret_dist.__version__,
        **forecast.to_dict(),
    }
    if named.compilation is not None:
        document["device"] = named.compilation.to_dict()
    return document


def _table(forecast: Forecast) -> Group:
    """As ``print(forecast)`` shows it, for the width of a terminal."""
    grids = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for header in HEADERS:
        grids.add_column(header, justify="right")
    for cells, prediction in rows(forecast):
        fits = forecast.fits(prediction)
        style = "bold green" if prediction is forecast.prediction and fits else ""
        # Headers may be broken at their spaces, numbers not.
        whole = [cell.replace(" ", "\N{NO-BREAK SPACE}") for cell in cells]
        grids.add_row(*whole, style=style if fits else "red")
    return Group(
        Text(title(forecast), style="bold"),
        "",
        facts_table(facts(forecast)),
        "",
        grids,
        "",
        Text(notes(forecast), style=MUTED),
    )
