"""What a cluster's nodes are like, as Slurm's ``sinfo`` tells it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from dataclasses import dataclass

__all__ = ["Nodes", "SinfoError", "read_nodes"]

#: Partition, cores, memory in MiB, sockets:cores:threads, and time limit of each node.
_FORMAT = "%P|%c|%m|%z|%l"
_LIMIT = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")
#: Seconds that sinfo may take to answer.
_PATIENCE = 30


class SinfoError(Exception):
    """What the nodes are like could not be found out; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """Nodes that are alike.

    Attributes:
        number: how many there are.
        cores: cores of each, as Slurm counts them.
        memory_bytes: memory of each that jobs may use.
        sockets: sockets of each.
        partition: the partition that they are in, None where that is not known.
        time_limit: seconds that a job may take there, None without a limit.
    """

    number: int
    cores: int
    memory_bytes: int
    sockets: int = 1
    partition: str | None = None
    time_limit: int | None = None


def read_nodes(partition: str | None = None) -> Nodes:
    """The nodes of a partition of this machine's Slurm; of several kinds that of the most nodes.

    Args:
        partition: its name; default: the cluster's default partition.

    Raises:
        SinfoError: where there is no Slurm, or it has no such partition.
    """
    command = ["sinfo", "--noheader", "--Node", f"--format={_FORMAT}"]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except FileNotFoundError:
        raise SinfoError("Slurm's sinfo is not on this machine") from None
    except subprocess.TimeoutExpired:
        raise SinfoError(f"Slurm's sinfo does not answer within {_PATIENCE} s") from None
    if told.returncode:
        last = (told.stderr.strip() or f"code {told.returncode}").splitlines()[-1]
        raise SinfoError(f"Slurm's sinfo failed: {last}")
    return nodes_of(told.stdout, partition)


def nodes_of(told: str, partition: str | None) -> Nodes:
    """As :func:`read_nodes`, from what sinfo has told."""
    rows = [line.strip().split("|") for line in told.splitlines() if line.count("|") == 4]
    names = {row[0].rstrip("*") for row in rows}
    if partition is None:
        # Slurm marks the default partition with a star.
        rows = [row for row in rows if row[0].endswith("*")]
        if not rows:
            raise SinfoError(f"Slurm has no default partition: name one of {_listed(names)}")
    elif partition not in names:
        raise SinfoError(f"Slurm has no partition {partition!r}, but {_listed(names)}")
    else:
        rows = [row for row in rows if row[0].rstrip("*") == partition]
    alike = Counter(tuple(row) for row in rows)
    (name, cores, memory, layout, limit), number = max(
        alike.items(), key=lambda each: (each[1], _number(each[0][1]))
    )
    return Nodes(
        number=number,
        cores=_number(cores),
        memory_bytes=_number(memory) << 20,
        sockets=max(1, _number(layout.split(":")[0])),
        partition=name.rstrip("*"),
        time_limit=_seconds(limit),
    )


def _number(text: str) -> int:
    """A number of sinfo's, which has a plus where other nodes have more."""
    if not (digits := re.match(r"\d+", text)):
        raise SinfoError(f"Slurm's sinfo gave {text!r} where a number was expected")
    return int(digits[0])


def _seconds(limit: str) -> int | None:
    """A time limit, written [days-][[hours:]minutes:]seconds, or ``infinite``."""
    if (match := _LIMIT.fullmatch(limit)) is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none at all"
