"""A launcher that this process has started: what it wrote, how it ended, and how it is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LaunchedJob"]

#: Seconds for the job to end by itself, and after a signal.
_END_SECONDS = 8.0
#: Bytes of the last output that an error shows.
_TAIL_BYTES = 4000


class LaunchedJob:
    """A launcher with the MPI ranks that it started."""

    def __init__(self, command: Sequence[str], line: bytes, environment: Mapping[str, str]) -> None:
        """Start it, and write a line to its standard input."""
        self._name = Path(command[0]).name
        # Not a pipe: whatever the job writes, it never waits for this process.
        self._output = tempfile.TemporaryFile("ab+")  # noqa: SIM115 - closed by forget()
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            # Ctrl-C in a terminal, and a notebook's interrupt, are for this process alone.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        try:
            with self._process.stdin as pipe:
                pipe.write(line)
        except BrokenPipeError:
            return  # It has ended already, which is noticed where it is waited for.

    def has_ended(self) -> bool:
        """Whether the launcher has ended."""
        return self._process.poll() is not None

    def wait(self) -> None:
        """Wait for the end; where it does not come soon, bring it about."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                self._process.wait(_END_SECONDS)
                return
            except subprocess.TimeoutExpired:
                self._process.send_signal(number)
        self._process.wait()

    def kill(self) -> None:
        """Bring about the end at once."""
        self._process.terminate()
        self.wait()

    def forget(self) -> None:
        """Give back what was kept to tell how it ended."""
        self._output.close()

    def story(self) -> str:
        """How it ended, if it has, and the end of what it wrote."""
        written = self._tail()
        return f"{self._ending()}; {'its last words:' if written else 'it wrote nothing'}{written}"

    def _ending(self) -> str:
        code = self._process.poll()
        if code is None:
            return f"{self._name} is still running"
        if code < 0:
            return f"{self._name} was killed by {signal.Signals(-code).name}"
        return f"{self._name} ended with code {code}"

    def _tail(self) -> str:
        file = self._output.fileno()
        start = max(0, os.fstat(file).st_size - _TAIL_BYTES)
        # Not read(), which would move the place where the job writes next.
        text = os.pread(file, _TAIL_BYTES, start).decode(errors="replace").strip()
        return "".join(f"\n    {line}" for line in text.splitlines() if line.strip())
