"""Run a script on MPI rank 0 alone: ``mpirun -n P python -m lret_dist script.py [arguments]``.

A script that fails since a signal has stopped and saved its run ends with code 75 (``EX_TEMPFAIL``
of sysexits.h): to run it again is to go on. A batch script can put its job back in the queue then.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from pathlib import Path

from lret_dist.errors import LauncherError, StoppedError
from lret_dist.sessions.session import get_session


def main() -> None:
    """Let MPI ranks above 0 serve, and run the script on MPI rank 0."""
    # First, so that a mistake is reported once and not by every MPI rank.
    try:
        session = get_session()
    except LauncherError as error:
        sys.exit(f"python -m lret_dist: {error}")
    if len(sys.argv) < 2:
        sys.exit("usage: python -m lret_dist script.py [arguments]")
    script = sys.argv[1]
    if not Path(script).exists():
        sys.exit(f"python -m lret_dist: no such file: {script}")
    sys.argv = sys.argv[1:]
    # Python has put the working directory there, unless it was told not to.
    if not sys.flags.safe_path:
        del sys.path[0]
    sys.path.insert(0, str(Path(script).resolve().parent))
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:
        if not session.was_stopped:
            raise
        report(error)
        sys.exit(os.EX_TEMPFAIL)


def report(error: Exception) -> None:
    """Say why a run was stopped, and with a traceback what else has failed since."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, StoppedError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        traceback.print_exc()
    else:
        print(f"python -m lret_dist: {cause}", file=sys.stderr)


if __name__ == "__main__":
    main()
