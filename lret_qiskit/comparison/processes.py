"""A simulator in a process of its own, seen from the one that measures it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

from lret_dist.machines.process_memory import peak_mb, reset_peak
from lret_qiskit.comparison import child
from lret_qiskit.comparison.records import Measured, RunEndedError, RunFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.connection import Connection
    from typing import Self

__all__ = ["SimulatorProcess"]

#: Seconds for threads of the side that ran before to go to sleep.
_SETTLE_SECONDS = 0.05
#: Seconds that loading a simulator, and a warm-up, may take on a busy machine.
_PATIENCE = 300.0


class SimulatorProcess:
    """LRET or Qiskit Aer in a process of its own, which forks another for each run.

    Use it as a context manager, which ends both.
    """

    def __init__(
        self,
        simulator: str,
        job: dict[str, Any],
        *,
        threads: int,
        cores: Iterable[int] | None = None,
    ) -> None:
        """Take what is run; nothing is started yet.

        Args:
            simulator: ``"lret"`` or ``"aer"``.
            job: ``circuits`` by kind, a ``warm_up``, the ``noise_model`` and ``warm_up_noise`` of
                these, and ``backend`` and ``options``, for the backend and its ``run``.
            threads: of the simulator.
            cores: that it may run on; default: this process's.
        """
        self._simulator, self._job = simulator, job
        self._threads, self._cores = threads, cores
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, kind: str, options: dict[str, Any], limit: float) -> Measured:
        """Measure one run.

        Args:
            kind: of the job's circuits.
            options: of ``run``, beside the job's.
            limit: seconds that the run may take.

        Raises:
            RunEndedError: when it took longer, and was ended.
            RunFailedError: when it failed, with the reason.
        """
        try:
            return self._run(self._started(), (kind, options), limit)
        except (EOFError, ConnectionError):
            self.close()
            raise RunFailedError("its process has died") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process, and the run that goes on in it."""
        if self._process is None or self._connection is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._connection.close()
        self._process = self._connection = None

    def _started(self) -> Connection[Any, Any]:
        if self._connection is not None:
            return self._connection
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                # Not the folder of the script, nor the current one, comes first on the path.
                [sys.executable, "-P", child.__file__, str(theirs.fileno())],
                env=os.environ | {"OMP_NUM_THREADS": str(self._threads)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # So that all of it can be ended, and Ctrl-C stays with this process.
                start_new_session=True,
            )
        if self._cores is not None:
            with suppress(OSError):
                os.sched_setaffinity(self._process.pid, self._cores)
        self._connection.send(self._simulator)
        self._connection.send(self._job)
        return self._connection

    def _run(
        self, connection: Connection[Any, Any], request: tuple[str, dict[str, Any]], limit: float
    ) -> Measured:
        connection.send(request)
        process = self._answer(connection, "ready", _PATIENCE)
        reset_peak(process)
        before = peak_mb(process)
        time.sleep(_SETTLE_SECONDS)
        connection.send("go")
        seconds = self._answer(connection, "done", limit)
        # The system counts pages loosely.
        memory = max(0.0, peak_mb(process) - before)
        connection.send("go on")
        told = self._answer(connection, "result", _PATIENCE)
        self._answer(connection, "ended", _PATIENCE)
        return Measured(seconds=seconds, memory_mib=memory, **told)

    def _answer(self, connection: Connection[Any, Any], expected: str, limit: float) -> Any:
        """What comes next, which should be ``expected``."""
        if not connection.poll(limit):
            if expected == "done":
                raise RunEndedError(limit)
            raise RunFailedError(f"its process did not answer within {limit:.0f} s")
        name, value = connection.recv()
        if name == expected:
            return value
        if name == "failed":
            self._answer(connection, "ended", _PATIENCE)
            raise RunFailedError(value)
        raise RunFailedError(_death(value))


def _death(status: int) -> str:
    """Why a run has ended without a word."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "its process was killed, as happens where memory runs out"
    return f"its process has ended with code {os.waitstatus_to_exitcode(status)}"
