"""The measurements of scaling_test.py as lines and tables."""

from __future__ import annotations

import platform
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING

from report import processor
from scaling_cases import CLUSTER, CLUSTER_MEMORY

from lret_qiskit.visualization.scaling_rows import (
    MIB,
    alone,
    efficiency,
    medians,
    speed_up,
    weak_efficiency,
)

if TYPE_CHECKING:
    from lret_qiskit.visualization.scaling_rows import Row

#: Efficiency below which a run is named, and how far memory may be from 1/P.
EFFICIENCY, OFF_MEMORY = 0.7, 1.15


def line(row: Row) -> str:
    """One run in short."""
    grid = "x".join(map(str, row["grid"]))
    place = f"P={row['ranks']} x {row['threads']} {row['partition']:<7}{grid:<5}"
    memory = f"{max(row['memory']) / MIB:.0f} MiB"
    seconds = f"{row['seconds']:.2f} s, predicted {row['predicted']['seconds']:.2f} s"
    return f"{row['section']:<7}{row['case']:<26} {place} {seconds}, rank {row['rank']}, {memory}"


def markdown(rows: list[Row], command: str) -> str:
    """A page with all tables."""
    parts = [_introduction(command)]
    for section, tables in _TABLES.items():
        if mine := medians(rows, section):
            parts += [table(mine) for table in tables]
    return "\n".join(parts)


def _introduction(command: str) -> str:
    software = f"Python {platform.python_version()}, NumPy {version('numpy')}"
    return f"""# Scaling

Written by `{command}` on {date.today().isoformat()}: {processor()}, {software}.

Medians over runs in turns, each an `mpirun` job of its own. Speed-up is against one MPI rank of one
thread, efficiency the speed-up for each thread. Times are those of the simulation, from the checked
circuit to the result. What has a star had more threads than the machine has cores: its times say
nothing about scaling, its memory and messages do. `benchmarks/scaling_cases.py` has the circuits.
"""


def _table(rows: list[Row]) -> str:
    from tabulate import tabulate

    return tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)


def _where(row: Row) -> Row:
    star = "*" if row["oversubscribed"] else ""
    rows, columns = row["grid"]
    return {
        "circuit": row["case"],
        "MPI ranks x threads": f"{row['ranks']} x {row['threads']}{star}",
        "partition": row["partition"],
        "grid": f"{rows} x {columns}",
    }


def _strong(rows: list[Row]) -> str:
    cells = []
    for row in sorted(rows, key=lambda each: (each["case"], each["ranks"], each["threads"])):
        ratio = row["predicted_seconds"] / row["seconds"]
        cells.append(
            _where(row)
            | {
                "rank": row["sampled_columns"] or row["rank"],
                "time": f"{row['seconds']:.2f} s",
                "speed-up": f"{speed_up(rows, row):.2f}",
                "efficiency": f"{efficiency(rows, row):.0%}",
                "predicted": f"{row['predicted_seconds']:.2f} s ({ratio:.2f})",
                "sent": f"{row['bytes'] / MIB:.1f} MiB",
                "modelled": f"{row['modelled_bytes'] / MIB:.1f} MiB",
            }
        )
    ratios = [
        row["predicted_seconds"] / row["seconds"] for row in rows if not row["oversubscribed"]
    ]
    return f"""## Strong scaling

The same circuit on more MPI ranks. `rank` is the most columns, of a sampled run all sampled ones,
of a density matrix its full rank. `predicted` is what the run expected before it began, in brackets
as a part of what it took: here {min(ratios):.2f} to {max(ratios):.2f}. `sent` are bytes that an MPI
rank sent on average, as counted; `modelled` is what the model gives for the ranks that the run had.

{_table(cells)}

{_below(rows)}
"""


def _below(rows: list[Row]) -> str:
    """The runs on more than one core that fall short, with their numbers."""
    mine = [
        f"{row['case']}, {row['ranks']} x {row['threads']}, {row['partition']}: "
        f"{efficiency(rows, row):.0%}"
        for row in rows
        if not row["oversubscribed"] and efficiency(rows, row) < EFFICIENCY
    ]
    return f"Efficiency below {EFFICIENCY:.0%}: {'; '.join(mine) or 'none'}."


def _auto(rows: list[Row]) -> str:
    """What ``auto`` took, against the fastest partition."""
    cells = []
    for row in (each for each in rows if each["partition"] == "auto" and each["ranks"] > 1):
        others = [
            each for each in rows if all(each[n] == row[n] for n in ("case", "ranks", "threads"))
        ]
        best = min([*others, alone(rows, row)], key=lambda each: each["seconds"])
        cells.append(
            _where(row)
            | {
                "time": f"{row['seconds']:.2f} s",
                "fastest": f"{best['grid'][0]} x {best['grid'][1]}, {best['seconds']:.2f} s",
                "auto / fastest": f"{row['seconds'] / best['seconds']:.2f}",
            }
        )
    text = _table(cells) if cells else "There were no runs on several MPI ranks."
    return f"## The choice of `auto`\n\nOne MPI rank counts as a partition too.\n\n{text}\n"


def _weak(rows: list[Row]) -> str:
    cells = [
        {
            "MPI ranks": f"{row['ranks']}{'*' if row['oversubscribed'] else ''}",
            "qubits": int(row["case"]) + row["ranks"].bit_length() - 1,
            "rank": row["rank"],
            "time": f"{row['seconds']:.2f} s",
            "work": f"{row['work'] / rows[0]['work']:.2f}",
            "efficiency": f"{weak_efficiency(rows, row):.0%}",
            "predicted": f"{row['predicted_seconds']:.2f} s",
        }
        for row in rows
    ]
    return f"""## Weak scaling

A qubit more for twice the MPI ranks, split by rows, with the same weight of noise in all. A wider
circuit has more gates too, and its rank is not quite the same: `work` is the number of entries of
the factor times steps, against that of one MPI rank, and efficiency is work for each MPI rank and
second.

{_table(cells)}
"""


def off_memory(rows: list[Row], row: Row) -> float:
    """Memory of the fullest MPI rank, against a share of what one takes for as many columns."""
    one = rows[0]
    fair = max(one["memory"]) / one["rank"] * row["rank"] / row["ranks"]
    return float(max(row["memory"]) / fair)


def _memory(rows: list[Row]) -> str:
    cells = [
        {
            "MPI ranks": row["ranks"],
            "partition": row["partition"] if row["ranks"] > 1 else "",
            "rank": row["rank"],
            "fullest MPI rank": f"{max(row['memory']) / MIB:.0f} MiB",
            "least": f"{min(row['memory']) / MIB:.0f} MiB",
            "against 1/P": f"{off_memory(rows, row):.2f}",
            "predicted": f"{row['predicted']['memory_bytes'] / MIB:.0f} MiB",
        }
        for row in rows
    ]
    far = [
        f"{row['ranks']} MPI ranks by {row['partition']}: {off_memory(rows, row):.2f}"
        for row in rows
        if off_memory(rows, row) > OFF_MEMORY
    ]
    return f"""## Memory

A circuit of {rows[0]["case"]} qubits. What the run added to the resident memory (`VmHWM`) of each
MPI rank, which had run a small circuit before: the factor, and all buffers, pages of MPI's shared
memory among them; not Python and its libraries. `against 1/P` compares the fullest MPI rank with
its share of what one MPI rank takes for as many columns. Predicted is that with buffers at their
largest.

{_table(cells)}

More than {OFF_MEMORY - 1:.0%} above 1/P: {"; ".join(far) or "none"}.
"""


def _projection(rows: list[Row]) -> str:
    cells = []
    for row in rows:
        mine = row["prediction"]
        cells.append(
            {
                "MPI ranks": row["ranks"],
                "grid": "{} x {}".format(*mine["grid"]),
                "method": row["method"],
                "columns": mine["rank"],
                "time": f"{mine['seconds']:.3g} s",
                "computing": f"{mine['compute_seconds']:.3g} s",
                "talking": f"{mine['communication_seconds']:.3g} s",
                "memory": f"{mine['memory_bytes'] / MIB:,.0f} MiB",
                "sent": f"{mine['bytes_per_rank'] / MIB:,.0f} MiB",
                "fits": "yes" if mine["fits"] else "no",
            }
        )
    speeds = rows[0]["speeds"]
    qubits, layers = CLUSTER.size
    return f"""## Projection

Not measured: what `lret_dist.plan` expects for a {CLUSTER.kind} of {qubits} qubits and {layers}
layers, errors of {CLUSTER.noise / 10:g} and {CLUSTER.noise:g} and epsilon
{CLUSTER.options["epsilon"]:g}, where its smallest form fits. It assumes {CLUSTER_MEMORY} for each
MPI rank of one thread; {speeds["pass_seconds"] * 1e9:.2f} ns for an entry through a two-qubit gate
and {speeds["gram_seconds"] * 1e9:.3f} ns for a row and pair of columns of a Gram matrix, as
measured here, whatever the number of MPI ranks that share a memory bus; and messages of
{speeds["latency"] * 1e6:g} us and {speeds["bandwidth"] / 1e9:g} GB/s from each MPI rank, without
congestion. The number of columns is rough.

{_table(cells)}
"""


_TABLES = {
    "strong": (_strong, _auto),
    "weak": (_weak,),
    "memory": (_memory,),
    "projection": (_projection,),
}
