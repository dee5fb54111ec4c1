"""What the runs of benchmarks/scaling_test.py say: medians, speed-up and efficiency."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MIB", "Row", "alone", "efficiency", "medians", "speed_up", "weak_efficiency"]

#: A run: where it ran, how long it took, and what was predicted.
Row = dict[str, Any]
MIB = 2**20


def medians(rows: Iterable[Row], section: str) -> list[Row]:
    """One row for each configuration of a section, with the median time.

    Those of the projection, which are not measured, stay as they are.
    """
    mine = [row for row in rows if row["section"] == section]
    if section == "projection":
        return mine
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in mine:
        names = ("case", "ranks", "threads", "partition")
        groups[tuple(row[name] for name in names)].append(row)
    return [
        group[0]
        | {
            "seconds": median(each["seconds"] for each in group),
            "predicted_seconds": median(each["predicted"]["seconds"] for each in group),
            "repeats": len(group),
        }
        for group in groups.values()
    ]


def alone(rows: Iterable[Row], row: Row) -> Row:
    """The run of the same circuit on one MPI rank of one thread.

    Raises:
        ValueError: when there is none.
    """
    for each in rows:
        if (each["case"], each["ranks"], each["threads"]) == (row["case"], 1, 1):
            return each
    raise ValueError(
        f"there is no run of {row['case']!r} on one MPI rank of one thread to compare with"
    )


def speed_up(rows: Iterable[Row], row: Row) -> float:
    """How many times faster a run is than on one MPI rank of one thread."""
    return float(alone(rows, row)["seconds"] / row["seconds"])


def efficiency(rows: Iterable[Row], row: Row) -> float:
    """Speed-up for each thread."""
    return float(speed_up(rows, row) / (row["ranks"] * row["threads"]))


def weak_efficiency(rows: Sequence[Row], row: Row) -> float:
    """Work for each MPI rank and second, against that of the first row."""
    done, first = row["work"] / row["seconds"], rows[0]["work"] / rows[0]["seconds"]
    return float(done / first / row["ranks"])
