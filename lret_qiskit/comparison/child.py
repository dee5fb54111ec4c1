"""The process in which one simulator is measured: this very file, run as a script.

It loads one simulator, reads the job once, and forks a fresh process for every run, so that no run
finds what another has left in memory or in a cache. The process of Aer loads nothing of LRET, which
would tell the threads of both how to wait.

Messages of a run to the parent: ``("ready", process)`` after a warm-up, ``("done", seconds)`` once
it has ended, each of which waits for a word, and ``("result", result)`` or ``("failed", text)``. In
the end comes ``("ended", status)``, as of ``os.waitpid``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

#: Option of prctl: the signal that comes when the parent ends.
_PDEATHSIG = 1

__all__ = ["told_of"]


def _main(descriptor: int) -> None:
    """Run what the parent asks for, until it is gone."""
    warnings.simplefilter("ignore")
    _end_with_parent()
    connection = Connection(descriptor)
    with suppress(EOFError):
        backend_of = _BACKENDS[connection.recv()]()
        job = connection.recv()
        while True:
            kind, options = connection.recv()
            process = os.fork()
            if not process:
                _run(connection, backend_of, job, kind, job["options"] | options)
            connection.send(("ended", os.waitpid(process, 0)[1]))


def _end_with_parent() -> None:
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)


def _run(
    connection: Connection,
    backend_of: Callable[..., Any],
    job: dict[str, Any],
    kind: str,
    options: dict[str, Any],
) -> None:
    """One run in a process that ends with it."""
    _end_with_parent()
    try:
        warm_up = job["warm_up"]
        # Whatever the memory of the run itself.
        freely = {k: v for k, v in options.items() if k != "max_memory_mb"}
        backend_of(job, warm_up, job["warm_up_noise"]).run(warm_up, **freely).result()
        connection.send(("ready", os.getpid()))
        connection.recv()
        circuit = job["circuits"][kind]
        backend = backend_of(job, circuit, job["noise_model"])
        start = time.perf_counter()
        result = backend.run(circuit, **options).result()
        seconds = time.perf_counter() - start
        if not result.success:
            raise RuntimeError(result.results[0].status if result.results else result.status)
        connection.send(("done", seconds))
        connection.recv()
        connection.send(("result", told_of(result)))
    except BaseException as error:
        with suppress(OSError):
            connection.send(("failed", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(0)


def told_of(result: Any) -> dict[str, Any]:
    """What the comparison needs of a result, as plain data."""
    (experiment,), data = result.results, result.data(0)
    metadata = dict(experiment.metadata)
    return {
        "metadata": metadata,
        "counts": result.get_counts() if "counts" in data else {},
        "state": None if "state" not in data else np.asarray(data["state"]),
        "state_errors": metadata.pop("standard_errors", {}).get("state"),
    }


def _lret() -> Callable[..., Any]:
    from lret_qiskit import LRETBackend

    def backend(_: dict[str, Any], circuit: Any, noise_model: Any) -> Any:
        return LRETBackend(num_qubits=max(1, circuit.num_qubits), noise_model=noise_model)

    return backend


def _aer() -> Callable[..., Any]:
    from qiskit_aer import AerSimulator

    def backend(job: dict[str, Any], _: Any, noise_model: Any) -> Any:
        return AerSimulator(noise_model=noise_model, **job["backend"])

    return backend


_BACKENDS: dict[str, Callable[[], Callable[..., Any]]] = {"lret": _lret, "aer": _aer}


if __name__ == "__main__":
    _main(int(sys.argv[1]))
