"""Memory of real MPI jobs: they keep to their limits, and do not grow."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from control_group import memory_group
from mpi_job import Job

#: Bytes of Python and its libraries, and what is left to a run, for each MPI rank.
PYTHON, ROOM = 150 << 20, 150 << 20


def taken_in(output: str) -> float:
    """MiB that a script says it has taken."""
    taken = re.search(r"^MiB: ([\d.]+)$", output, re.MULTILINE)
    assert taken is not None, output
    return float(taken[1])


@pytest.mark.parametrize("ranks", [0, 2])
def test_runs_keep_to_a_control_group(launch: Callable[..., Job], ranks: int) -> None:
    limit = max(ranks, 1) * (PYTHON + ROOM)
    with memory_group(limit) as group:
        if group is None:
            pytest.skip("no control group can be made here")
        outcome = launch("limited", str(group.door), ranks=ranks).finish(120)
        assert group.kills() == 0
        # Those that have memory enough do not show that the limit is heeded.
        assert group.most_used() > 0.6 * limit
    assert outcome.code == 0, outcome.output
    assert "refused: 30 qubits need at least" in outcome.output
    assert outcome.output.splitlines()[-1] == "done"


@pytest.mark.parametrize("ranks", [0, 2])
def test_what_the_script_keeps_is_not_free(launch: Callable[..., Job], ranks: int) -> None:
    with memory_group(900 << 20) as group:
        if group is None:
            pytest.skip("no control group can be made here")
        arguments = (str(group.door), "450", "24")
        outcome = launch("own_memory", *arguments, ranks=ranks).finish(60)
        assert group.kills() == 0
    assert outcome.code == 0, outcome.output
    assert "refused: 24 qubits need at least" in outcome.output
    assert "counts 10" in outcome.output


@pytest.mark.parametrize("partition", ["row", "column"])
def test_runs_keep_to_their_budget_on_every_mpi_rank(
    launch: Callable[..., Job], partition: str
) -> None:
    outcome = launch("budget", partition, "60", ranks=2).finish(60)
    assert outcome.code == 0, outcome.output
    # Without a budget it takes more than twice as much.
    assert 0.4 * 60 < taken_in(outcome.output) < 1.1 * 60


def test_mpi_keeps_no_notes_of_memory_that_is_gone(launch: Callable[..., Job]) -> None:
    """UCX, through which MPICH sends, would take 14 MiB for them."""
    outcome = launch("notes", ranks=2).finish(60)
    assert outcome.code == 0, outcome.output
    assert taken_in(outcome.output) < 2
