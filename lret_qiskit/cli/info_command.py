"""``lret info``: what is installed here, and what it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Group
from rich.table import Table

from lret_dist import get_session
from lret_dist.units import size_text
from lret_qiskit.cli.installation import installation
from lret_qiskit.cli.run_summary import facts_table
from lret_qiskit.cli.terminal import as_json, is_read_by_a_person, show

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["info"]


@click.command(short_help="Tell versions, libraries, memory and MPI ranks.")
def info() -> None:
    """Tell versions, compiler, libraries, cores, memory, and the MPI ranks there are.

    Under a launcher it tells of every MPI rank, as in "mpirun -n 4 lret info". A terminal shows
    tables, and a pipe or file gets all of it as JSON: so it does under mpirun, which reads the
    output through a pipe.
    """
    document = {**installation(), "mpi_ranks": _mpi_ranks()}
    if is_read_by_a_person():
        show(_tables(document))
    else:
        click.echo(as_json(document))


def _mpi_ranks() -> list[dict[str, Any]]:
    """Every MPI rank of this process's session, as it was when the session was made."""
    members = get_session().machine.members
    return [
        {
            "mpi_rank": number,
            "host": each.host,
            "threads": each.threads,
            "free_memory_bytes": each.bytes_free,
        }
        for number, each in enumerate(members)
    ]


def _tables(document: Mapping[str, Any]) -> Group:
    ranks = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in ("MPI rank", "host", "threads", "memory for runs"):
        ranks.add_column(header, justify="left" if header == "host" else "right")
    for each in document["mpi_ranks"]:
        memory = size_text(each["free_memory_bytes"])
        ranks.add_row(str(each["mpi_rank"]), each["host"], str(each["threads"]), memory)
    return Group(facts_table(_facts(document)), "", ranks)


def _facts(document: Mapping[str, Any]) -> dict[str, str]:
    core, openmp, blas = document["core"], document["openmp"], document["blas"]
    mpi, hosts = document["mpi"], {each["host"] for each in document["mpi_ranks"]}
    packages, libraries = document["packages"].items(), ", ".join(openmp["libraries"])
    return {
        "lret": f"{document['lret_version']} in {document['folder']}",
        "Python": f"{document['python']}, {document['platform']}",
        "compiler": f"{core['compiler']}, {core['build_type']}, {core['flags']}",
        "SIMD": f"{core['simd_level']}, of {core['simd_levels'].replace(',', ', ')}",
        "OpenMP": f"{openmp['version']}, {libraries}",
        "BLAS": f"{blas['library']} {blas['version']}, {blas['architecture']}, {blas['file']}",
        "MPI": "no MPI library" if mpi["library"] is None else mpi["library"],
        "packages": ", ".join(f"{name} {version}" for name, version in packages if version),
        "missing": ", ".join(name for name, version in packages if version is None) or "none",
        "cores": str(document["cores"]),
        "free memory": size_text(document["free_memory_bytes"]),
        "MPI ranks": f"{len(document['mpi_ranks'])} on {_count(hosts, 'host')}",
    }


def _count(things: set[str], name: str) -> str:
    return f"{len(things)} {name}" + ("s" if len(things) != 1 else "")
