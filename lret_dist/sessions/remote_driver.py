"""What every MPI rank of a job runs that :mod:`lret_dist.sessions.remote` started.

MPI rank 0 is the driver, as in a job that the user starts; the user's script is in another process.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from lret_dist.errors import CancelledError, LretError
from lret_dist.machines.launcher import launched_rank
from lret_dist.results.factor_handle import FactorHandle
from lret_dist.results.questions import Inquiry
from lret_dist.results.result import SimulationResult
from lret_dist.sessions.remote import CANCEL
from lret_dist.sessions.rendezvous import meet
from lret_dist.sessions.session import get_session

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from lret_dist.runs.run_handle import Outcomes, RunHandle
    from lret_dist.sessions.abstract_session import Session

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
        if isinstance(command, Inquiry):
            connection.send(_answer(session, command))
        elif command != CANCEL:
            outcomes = _outcomes(session.submit_prepared(command), connection)
            connection.send(_given_away(outcomes))


def _answer(session: Session, inquiry: Inquiry) -> Any:
    """The answer to a question about a kept factor, or why there is none."""
    try:
        return session.ask(inquiry)
    except LretError as error:
        return error


def _given_away(outcomes: Outcomes | CancelledError) -> Outcomes | CancelledError:
    """The outcomes with factors that are kept here, but belong to the user's process."""
    if not isinstance(outcomes, CancelledError):
        for outcome in outcomes:
            if isinstance(outcome, SimulationResult):
                for key, value in outcome.data.items():
                    if isinstance(value, FactorHandle):
                        outcome.data[key] = value.give_away()
    return outcomes


def _outcomes(handle: RunHandle, connection: Connection) -> Outcomes | CancelledError:
    """Wait for a batch; tell meanwhile how far it is, hear whether it is to be cancelled."""
    told = None
    while not handle.wait(_LOOK_SECONDS):
        if connection.poll():
            connection.recv()
            handle.cancel()
        if (progress := handle.progress()) is not told:
            connection.send(progress)
            told = progress
    try:
        return handle.result()
    except CancelledError as error:
        return error


if __name__ == "__main__":
    main()
