"""Run a script on MPI rank 0 alone: ``mpirun -n P python -m lret_dist script.py [arguments]``."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from lret_dist.session import get_session


def main() -> None:
    """Let MPI ranks above 0 serve, and run the script on MPI rank 0."""
    # First, so that a mistake is reported once and not by every MPI rank.
    get_session()
    if len(sys.argv) < 2:
        sys.exit("usage: python -m lret_dist script.py [arguments]")
    script = sys.argv[1]
    if not Path(script).exists():
        sys.exit(f"python -m lret_dist: no such file: {script}")
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
