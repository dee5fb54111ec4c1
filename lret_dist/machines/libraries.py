"""What LRET was built with, and the libraries that it calls, as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import scipy.linalg.blas
from threadpoolctl import threadpool_info

from lret_dist import _core
from lret_dist.machines.slurm import installed_mpi_library

__all__ = ["libraries"]

#: Versions of OpenMP by the date that a compiler knows them by.
_OPENMP = {"201511": "4.5", "201811": "5.0", "202011": "5.1", "202111": "5.2"}


def libraries() -> dict[str, Any]:
    """The compiled core, OpenMP, BLAS and MPI; what is not known is None.

    The MPI library is asked in a process of its own, and MPI is not started.
    """
    pools = threadpool_info()
    return {
        "core": {**_core.build_info(), "simd_level": _core.simd_level()},
        "openmp": _openmp(pools),
        "blas": _blas(pools),
        "mpi": {"library": _name(installed_mpi_library())},
    }


def _openmp(pools: list[dict[str, Any]]) -> dict[str, Any]:
    """The version of the core; other packages may bring libraries of their own."""
    date = _core.build_info()["openmp"]
    loaded = [Path(each["filepath"]).name for each in pools if each["user_api"] == "openmp"]
    return {"version": _OPENMP.get(date, date), "libraries": loaded}


def _blas(pools: list[dict[str, Any]]) -> dict[str, Any]:
    """The library that the kernels call: SciPy's, and not NumPy's, which has one of its own."""
    scipy_s = Path(scipy.linalg.blas.__file__).parents[2] / "scipy.libs"
    found = [each for each in pools if each["user_api"] == "blas"]
    own = [each for each in found if Path(each["filepath"]).parent == scipy_s] or found
    names = {"library": "internal_api", "version": "version", "architecture": "architecture"}
    library = own[0] if own else {}
    facts = {name: library.get(theirs) for name, theirs in names.items()}
    return {**facts, "file": library.get("filepath")}


def _name(library: str | None) -> str | None:
    """An MPI library and its version, without all that it was built with."""
    if library is None:
        return None
    first = library.partition("\n")[0].partition(",")[0]
    return " ".join(first.replace("Version:", "").split())
