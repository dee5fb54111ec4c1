"""Facts of the program, its libraries and this machine, as plain data."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lret_dist
from lret_dist.machines.available_memory import available_bytes
from lret_dist.machines.libraries import libraries
from lret_dist.machines.threads import own_cores

__all__ = ["installation"]

#: What LRET builds upon; the packages of the second line are of use where they are installed.
_PACKAGES = (
    *("qiskit", "qiskit-aer", "numpy", "scipy", "mpi4py"),
    *("qiskit-ibm-runtime", "qiskit-qasm3-import", "matplotlib"),
)


def installation() -> dict[str, Any]:
    """What is installed here, and what this machine has; None for what is not there."""
    return {
        "lret_version": lret_dist.__version__,
        "folder": str(Path(lret_dist.__file__).parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        **libraries(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "cores": len(own_cores()),
        "free_memory_bytes": available_bytes(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
