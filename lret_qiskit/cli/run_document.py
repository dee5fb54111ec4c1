"""The result of ``lret run`` as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lret_dist
from lret_qiskit.cli.observables import expectation_values

if TYPE_CHECKING:
    from pathlib import Path

    from qiskit.result import Result

    from lret_qiskit.cli.run_options import NamedRun

__all__ = ["run_document"]


def run_document(file: Path, named: NamedRun, result: Result) -> dict[str, Any]:
    """All that is known of a run."""
    experiment = result.results[0]
    document = {
        "file": str(file),
        "circuit": experiment.header["name"],
        "lret_version": lret_dist.__version__,
        "shots": experiment.shots,
        "seed": experiment.metadata["seed"],
        "counts": _counts(result),
        "observables": expectation_values(result, named.observables),
        "metadata": experiment.metadata,
    }
    if named.compilation is not None:
        document["device"] = named.compilation.to_dict()
    return document


def _counts(result: Result) -> dict[str, int]:
    counts = result.get_counts() if "counts" in result.data(0) else {}
    return {bits: int(times) for bits, times in counts.items()}
