"""The suite's measurements as lines, tables and a plot."""

from __future__ import annotations

import platform
from datetime import date
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from descriptions import DEVICE_QUBITS, workload_list

Row = dict[str, Any]
MIB = 1024**2
#: Seconds from which a run is not repeated.
ONCE = 10.0
_RIVALS = ("qiskit-aer", "qsimcirq", "qulacs")
NAMES = {
    "lret": "LRET",
    "aer-density_matrix": "Aer",
    "aer-statevector": "Aer",
    "aer-counts": "Aer, counts",
    "qsim": "qsim",
    "qulacs": "Qulacs",
}


def typical(row: Row, simulator: str, quantity: str) -> float:
    """Median over the repeats."""
    return float(median(run[quantity] for run in row["runs"][simulator]))


def error(row: Row, simulator: str) -> float:
    """Root mean square error of the values, over strings and repeats."""
    values = np.array([run["values"] for run in row["runs"][simulator]])
    return float(np.sqrt(((values - np.array(row["exact"])) ** 2).mean()))


def figure(row: Row, simulator: str) -> float:
    """What is compared: CPU seconds times mean squared error of expectation values, else seconds.

    Of a run that was ended, the limit: a lower bound.
    """
    if row["section"] == "expectations":
        return typical(row, simulator, "cpu_seconds") * error(row, simulator) ** 2
    if row["runs"][simulator]:
        return typical(row, simulator, "seconds")
    return float(row["extrapolated"].get(simulator, {}).get("seconds", row["limit"]))


def ratio(row: Row, simulator: str) -> float:
    """How many times better LRET is."""
    return figure(row, simulator) / figure(row, "lret")


def rivals(row: Row) -> list[str]:
    return [name for name in row["runs"] if name != "lret"]


def is_ended(row: Row, simulator: str) -> bool:
    """Whether it was ended at the limit, so that its time is only known to be more."""
    return not row["runs"][simulator] and simulator not in row["extrapolated"]


def times(row: Row, simulator: str) -> str:
    """The ratio as text, marked where it is only known to be more."""
    return f"{'> ' if is_ended(row, simulator) else ''}{ratio(row, simulator):.3g}"


def best_rival(row: Row) -> str:
    return min(rivals(row), key=lambda rival: figure(row, rival))


def memory(row: Row, simulator: str) -> str:
    """What a run added to its process's peak; nothing of a run that was ended."""
    if is_ended(row, simulator):
        return ""
    if row["runs"][simulator]:
        used = typical(row, simulator, "bytes")
    else:
        used = row["extrapolated"][simulator]["bytes"]
    return f"{used / MIB:.0f} MiB"


def seconds(row: Row, simulator: str) -> str:
    if row["runs"][simulator]:
        return f"{typical(row, simulator, 'seconds'):.3g} s"
    guess = row["extrapolated"].get(simulator)
    return f"({guess['seconds']:.3g} s)" if guess else f"> {row['limit']:.0f} s"


def line(row: Row) -> str:
    """One row in short: what each simulator took, and its ratio to LRET."""
    start = f"{row['workload']:<22} n={row['qubits']:<3}"
    if row["section"] == "kernels":
        run = row["runs"]["lret"][0]
        return f"{start}| {run['rate']:.3g} G amplitudes/s, {run['part']:.0%} of {run['limit_of']}"
    if "shots" in row["options"]:
        start += f"{row['options']['shots']:>7} shots "
    parts = []
    for name in row["runs"]:
        text = f"{NAMES[name]} {seconds(row, name)}"
        if row["runs"][name]:
            text += f" {memory(row, name)}"
            if row.get("exact"):
                text += f" error {error(row, name):.1e}"
        parts.append(text if name == "lret" else f"{text} {times(row, name)}x")
    return f"{start}({method(row)}) | " + " | ".join(parts)


def method(row: Row) -> str:
    run = row["runs"]["lret"][0]
    return "sampled" if run["truncation"] == "unbiased" else str(run["method"]).replace("_", " ")


def markdown(rows: list[Row]) -> str:
    """A page with all tables."""
    from tabulate import tabulate

    parts = [_introduction(rows)]
    for section, (title, words, table) in _SECTIONS.items():
        mine = [row for row in rows if row["section"] == section]
        if mine:
            cells = [table(row) for row in mine]
            text = tabulate(cells, headers="keys", tablefmt="github", disable_numparse=True)
            parts.append(f"## {title}\n\n{words}\n\n{text}\n")
    return "\n".join(parts)


def _introduction(rows: list[Row]) -> str:
    packages = [each for each in distributions() if each.name in _RIVALS]
    versions = ", ".join(sorted({f"{each.name} {each.version}" for each in packages}))
    worse = [row for row in rows if rivals(row) and ratio(row, best_rival(row)) < 1]
    lost = ", ".join(
        f"{row['workload']} on {row['qubits']} qubits ({row['section']})" for row in worse
    )
    facts = f"{processor()}, {rows[0]['threads']} threads on every side"
    software = f"Python {platform.python_version()}, {versions}"
    return f"""# Benchmarks

Written by `make bench` on {date.today().isoformat()}: {facts}, {software}.

Medians of runs in turns, each in a process of its own; runs over {ONCE:.0f} s are made once. Times
in brackets are extrapolated from fewer shots or fewer qubits; "> 5 s" would be ended after 5 s.
Memory is the increase of the process's peak during the run. [LRET and Qiskit Aer](compare_aer.md)
was measured at another time, and beside other programs: compare figures within a page.

{workload_list()}

{DEVICE_QUBITS}: W7-qft-FakeFez on 10 qubits takes 15.

{f"LRET is behind in: {lost}" if lost else "LRET is behind in none of these"}.
"""


def processor() -> str:
    names = [
        x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")
    ]
    return names[0].split(":")[1].strip() if names else platform.machine()


def _state(row: Row) -> Row:
    aer = "aer-density_matrix"
    certified = row["runs"]["lret"][0]["truncation_error"]
    return {
        "workload": row["workload"],
        "qubits": row["qubits"],
        "LRET": seconds(row, "lret"),
        "Aer": seconds(row, aer),
        "times faster": times(row, aer),
        "LRET memory": memory(row, "lret"),
        "Aer memory": memory(row, aer),
        "certified error": f"{certified:.1e}",
        "method": method(row),
    }


def _expectations(row: Row) -> Row:
    cells = {"workload": row["workload"], "qubits": row["qubits"]}
    for name in ("lret", "aer-statevector"):
        used = f"{typical(row, name, 'cpu_seconds'):.3g} s, {error(row, name):.1e}"
        cells[f"{NAMES[name]}: CPU time, error"] = used
    cells["ratio"] = f"{ratio(row, 'aer-statevector'):.3g}"
    as_counts = "aer-counts" in row["runs"]
    return cells | {"ratio to counts": f"{ratio(row, 'aer-counts'):.3g}" if as_counts else ""}


def _counts(row: Row) -> Row:
    cells = {
        "workload": row["workload"],
        "qubits": row["qubits"],
        "shots": f"{row['options']['shots']:,}",
    }
    cells |= {NAMES[name]: seconds(row, name) for name in row["runs"]}
    cells["times faster"] = times(row, best_rival(row))
    errors = {
        name: error(row, name) for name in row["runs"] if row.get("exact") and row["runs"][name]
    }
    mine = errors.pop("lret", None)
    cells["LRET error"] = f"{mine:.2e}" if mine else ""
    cells["rivals' errors"] = ", ".join(f"{value:.2e}" for value in errors.values())
    return cells


def _dynamic(row: Row) -> Row:
    ways = {"aer-density_matrix": "Aer, density matrix", "aer-statevector": "Aer, trajectories"}
    cells = {"workload": row["workload"], "qubits": row["qubits"], "LRET": seconds(row, "lret")}
    for name, title in ways.items():
        cells |= {title: seconds(row, name), f"{title}: times faster": times(row, name)}
    return cells


def _wide(row: Row) -> Row:
    run = row["runs"]["lret"][0]
    kinds = {"certified": "truncation_error", "unbiased": "standard_error"}
    return {
        "workload": row["workload"],
        "qubits": row["qubits"],
        "time": seconds(row, "lret"),
        "memory": memory(row, "lret"),
        "columns": run.get("sampled_columns") or run["final_rank"],
        "error": f"{run[kinds[run['truncation']]]:.1e} ({run['truncation']})",
    }


def _kernels(row: Row) -> Row:
    run = row["runs"]["lret"][0]
    return {
        "qubits": row["qubits"],
        "columns": run["columns"],
        "amplitudes a second": f"{run['rate']:.3g}e9",
        "limit": run["limit_of"],
        "of the limit": f"{typical(row, 'lret', 'part'):.0%}",
    }


_SECTIONS = {
    "state": (
        "The state, certified",
        "A certified run (trace distance at most 1e-2) against Aer's density matrix.",
        _state,
    ),
    "expectations": (
        "Expectation values",
        "100 random Pauli strings, against Aer's noise trajectories. The ratio is that of CPU time "
        "times mean squared error, measured against the exact values: how many times longer Aer "
        "computes for the same accuracy. `ratio to counts` is the same against values from Aer's "
        "counts, ten shots of a circuit for each string, as a device would measure them: every "
        "shot of a string is 1 or -1, whatever the state, so it is far larger.",
        _expectations,
    ),
    "counts": (
        "Counts",
        "Sampled shots, all LRET's options at their defaults; `times faster` is to the fastest "
        "rival. Errors are root mean squares over 100 strings of Z and I, from the counts.",
        _counts,
    ),
    "dynamic": (
        "Dynamic circuits",
        "1,000 shots of circuits that measure on their way, all LRET's options at their defaults: "
        "a memory in the repetition code, of 10 rounds or of the number in its name, and a GHZ "
        "state made by measured parities and feed-forward.",
        _dynamic,
    ),
    "wide": (
        "Wider circuits",
        "1,000 shots with all options at their defaults.",
        _wide,
    ),
    "kernels": (
        "The kernel",
        "A dense gate on two qubits of the factor. The limit is measured in the same run: what the "
        "machine's BLAS reaches in a product of large complex matrices, or the memory bandwidth of "
        "scaling an array in place.",
        _kernels,
    ),
}


def plot(rows: list[Row], path: Path) -> None:
    """How many times better LRET was than the best rival, by section; lighter: at least."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    compared = [row for row in rows if rivals(row)]
    sections = [s for s in _SECTIONS if any(row["section"] == s for row in compared)]
    grid = {"squeeze": False, "layout": "constrained"}
    figure_, axes = plt.subplots(1, len(sections), figsize=(5 * len(sections), 10), **grid)
    for axis, section in zip(axes[0], sections, strict=True):
        mine = [row for row in compared if row["section"] == section]
        labels = [
            f"{row['workload']} {row['qubits']} {row['options'].get('shots', '')}" for row in mine
        ]
        colours = ["C9" if is_ended(row, best_rival(row)) else "C0" for row in mine]
        axis.barh(labels, [ratio(row, best_rival(row)) for row in mine], color=colours)
        axis.axvline(1, color="black", linewidth=0.8)
        axis.set(xscale="log", xlabel="best rival / LRET (lighter: at least)", title=section)
        axis.invert_yaxis()
        axis.tick_params(axis="y", labelsize=6)
    from lret_dist.files.atomic_file import replacing

    with replacing(path) as file:
        figure_.savefig(file, format=path.suffix[1:] or "png", dpi=150)
