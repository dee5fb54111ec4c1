"""Nodes as sinfo tells them."""

import os
from pathlib import Path

import pytest

from lret_dist.machines.slurm_nodes import Nodes, SinfoError, nodes_of, read_nodes

#: Partition, cores, memory in MiB, sockets:cores:threads, time limit: one line for each node.
TOLD = """\
short*|64|256000|2:32:1|4:00:00
short*|64|256000|2:32:1|4:00:00
short*|128|512000|2:32:2|4:00:00
long|64|256000|2:32:1|14-00:00:00
debug|8|16000+|1:8:1|30:00
free|8|16000|1:8:1|infinite
"""


def test_the_default_partition_and_its_most_common_nodes() -> None:
    assert nodes_of(TOLD, None) == Nodes(
        number=2,
        cores=64,
        memory_bytes=256000 << 20,
        sockets=2,
        partition="short",
        time_limit=4 * 3600,
    )


@pytest.mark.parametrize(
    ("partition", "limit"), [("long", 14 * 86400), ("debug", 1800), ("free", None)]
)
def test_time_limits(partition: str, limit: int | None) -> None:
    assert nodes_of(TOLD, partition).time_limit == limit


def test_a_number_with_a_plus_is_the_least() -> None:
    assert nodes_of(TOLD, "debug").memory_bytes == 16000 << 20


def test_an_unknown_partition_names_those_there_are() -> None:
    with pytest.raises(SinfoError, match="no partition 'gpu', but debug, free, long, short"):
        nodes_of(TOLD, "gpu")
    with pytest.raises(SinfoError, match="no default partition: name one of debug"):
        nodes_of(TOLD.replace("*", ""), None)
    with pytest.raises(SinfoError, match="gave 'n/a' where a number was expected"):
        nodes_of("all*|n/a|1000|1:1:1|infinite\n", None)


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (None, "is not on this machine"),
        ("echo 'sinfo: error: no controller' >&2; exit 1", "failed: sinfo: error: no controller"),
    ],
)
def test_a_machine_without_a_slurm_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, problem: str
) -> None:
    if program is not None:
        sinfo = tmp_path / "sinfo"
        sinfo.write_text(f"#!/bin/sh\n{program}\n")
        sinfo.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + (f"{os.pathsep}/bin" if program else ""))
    with pytest.raises(SinfoError, match=problem):
        read_nodes()
