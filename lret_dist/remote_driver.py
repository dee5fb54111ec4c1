"""What every MPI rank of a job runs that :mod:`lret_dist.remote` started.

MPI rank 0 is the driver, as in a job that the user starts; the user's script is in another process.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

from lret_dist.errors import CancelledError
from lret_dist.launcher import launched_rank
from lret_dist.remote import CANCEL
from lret_dist.rendezvous import meet
from lret_dist.session import get_session

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from lret_dist.abstract_session import Session
    from lret_dist.run_handle import Outcomes, RunHandle

#: Seconds between two looks for a command while a batch runs.
_LOOK_SECONDS = 0.05


def main() -> None:
    """Let MPI ranks above 0 serve; on MPI rank 0, run what the user's process sends."""
    # A launcher names a killed process by its number, and may leave out its MPI rank.
    where = f"process {os.getpid()} on {socket.gethostname()}"
    print(f"lret: MPI rank {launched_rank()} is {where}", flush=True)
    session = get_session()
    with meet(sys.stdin.readline()) as connection:
        connection.send(session.machine)
        try:
            _serve(connection, session)
        except (EOFError, ConnectionError):
            return  # The user's process has closed its session, or has ended.


def _serve(connection: Connection, session: Session) -> None:
    while True:
        command = connection.recv()
        # A cancellation may come when the batch has just ended.
        if command != CANCEL:
            connection.send(_outcomes(session.submit_prepared(command), connection))


def _outcomes(handle: RunHandle, connection: Connection) -> Outcomes | CancelledError:
    """Wait for a batch, and hear meanwhile whether it is to be cancelled."""
    while True:
        try:
            return handle.result(_LOOK_SECONDS)
        except TimeoutError:
            if connection.poll():
                connection.recv()
                handle.cancel()
        except CancelledError as error:
            return error


if __name__ == "__main__":
    main()
