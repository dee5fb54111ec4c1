"""What a person wants to see first of a run's result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lret_dist.units import size_text, time_text
from lret_qiskit.cli.terminal import MUTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

__all__ = ["facts_table", "run_summary"]

#: Counts that are shown.
_MOST_SHOWN = 16
#: Digits of an expectation value.
_DIGITS = 8


def run_summary(document: Mapping[str, Any]) -> Group:
    """A summary of what :func:`~lret_qiskit.cli.run_document.run_document` tells."""
    parts: list[RenderableType] = [facts_table(_facts(document))]
    if document["observables"]:
        parts += ["", _observables(document["observables"])]
    if document["counts"]:
        parts += ["", _counts(document["counts"])]
        if (hidden := len(document["counts"]) - _MOST_SHOWN) > 0:
            parts.append(Text(f"... {hidden} other outcomes", style=MUTED))
    return Group(*parts)


def facts_table(facts: Mapping[str, str]) -> Table:
    """Names and what they stand for, side by side."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts.items():
        table.add_row(name, Text(text))
    return table


def _facts(document: Mapping[str, Any]) -> dict[str, str]:
    known = document["metadata"]
    memory = size_text(known["peak_memory_mb"] * 2**20)
    facts = {
        "method": f"{known['method']}, rank {known['final_rank']}",
        **_error(known),
        "time": f"{time_text(known['execution_time_seconds'])} on {_ranks(known['mpi_ranks'])}",
        "memory": f"{memory} at most on an MPI rank, with Python",
        "seed": str(document["seed"]),
    }
    if known["resumed"]:
        facts["resumed"] = "from what was saved of it before"
    return facts


def _error(known: Mapping[str, Any]) -> dict[str, str]:
    if known["truncation"] == "unbiased":
        # There is none where nothing is measured.
        error = known["standard_error"]
        return {"standard error": "none" if error is None else f"{error:.2e}"}
    return {"error": f"at most {known['truncation_error']:.2e} (trace distance)"}


def _ranks(number: int) -> str:
    return "1 MPI rank" if number == 1 else f"{number} MPI ranks"


def _observables(values: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("observable", overflow="fold")
    table.add_column("value", justify="right", style="cyan", no_wrap=True)
    table.add_column("error")
    for each in values:
        errors = []
        if each["standard_error"] is not None:
            errors.append(f"standard error {each['standard_error']:.2e}")
        if each["error_bound"] is not None:
            errors.append(f"at most {each['error_bound']:.2e}")
        # Rounded, or a zero might be shown as negative.
        value = round(each["value"], _DIGITS) + 0.0
        table.add_row(Text(each["observable"]), f"{value:+.{_DIGITS}f}", ", ".join(errors))
    return table


def _counts(counts: Mapping[str, int]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("outcome", overflow="fold")
    table.add_column("shots", justify="right", style="cyan", no_wrap=True)
    table.add_column("share", justify="right", style=MUTED, no_wrap=True)
    shots = sum(counts.values())
    by_number = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    for bits, times in by_number[:_MOST_SHOWN]:
        table.add_row(bits, str(times), f"{times / shots:.1%}")
    return table
