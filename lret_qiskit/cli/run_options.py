"""Options of a run, which several commands take, and a run as they name it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from lret_dist.options import METHODS, Parallelization, Precision, Truncation
from lret_qiskit.backends import LRETBackend
from lret_qiskit.backends.options import merged_options
from lret_qiskit.backends.requests import noise_of, request_of
from lret_qiskit.circuit_files import load_circuit
from lret_qiskit.cli.noise_option import NOISE_HELP, noise_from
from lret_qiskit.noise_model_importer import ImportCache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qiskit import QuantumCircuit

    from lret_dist import SimulationRequest

__all__ = ["NamedRun", "as_arguments", "input_files", "run_options"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

#: What :meth:`LRETBackend.run` calls by another name.
_NAMES = {"seed": "seed_simulator"}
_OPTIONS = (
    click.option("--noise", metavar="MODEL", help=NOISE_HELP),
    click.option("--shots", type=int, help="Samples of the classical bits.  [default: 1024]"),
    click.option(
        "--epsilon",
        type=float,
        help="Trace that a certified run may discard; bounds the error.  [default: 1e-4]",
    ),
    click.option(
        "--truncation",
        type=click.Choice(get_args(Truncation)),
        help="Whether small branches are discarded with a certificate, or sampled.",
    ),
    click.option(
        "--method", type=click.Choice(METHODS), help="How the state is held.  [default: automatic]"
    ),
    click.option("--max-rank", type=int, help="Most columns of the factor.  [default: none]"),
    click.option("--precision", type=click.Choice(get_args(Precision)), help="Of the numbers."),
    click.option(
        "--parallelization",
        type=click.Choice(get_args(Parallelization)),
        help="How the state is split over MPI ranks.  [default: auto]",
    ),
    click.option("--seed", type=int, help="The same counts again.  [default: a fresh one]"),
    click.option(
        "--max-memory-mb",
        # To the backend 0 is no limit, as it is to Aer; at a terminal it would be a mistake.
        type=click.FloatRange(0, min_open=True),
        help="Most MiB of the run on each MPI rank, beside Python.  [default: what is free]",
    ),
    click.option(
        "--checkpoint",
        type=click.Path(file_okay=False),
        help="A folder in which the run is saved, and from which the same command goes on.",
    ),
    click.option(
        "--checkpoint-interval",
        type=float,
        help="Seconds from one checkpoint to the next.  [default: 600]",
    ),
)


def run_options(command: _Command) -> _Command:
    """Give a command the options of a run; those that are not given are None."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def as_arguments(given: Mapping[str, Any]) -> list[str]:
    """The words of a command line that give these options; paths are made absolute."""
    words: list[str] = []
    for name, value in given.items():
        if value is None:
            continue
        is_path = name == "checkpoint" or (name == "noise" and Path(value).exists())
        words += [f"--{name.replace('_', '-')}", str(Path(value).resolve() if is_path else value)]
    return words


def input_files(file: Path, given: Mapping[str, Any]) -> list[Path]:
    """The files that a run reads; ``given`` as of :func:`run_options`."""
    return [file] if given["noise"] is None else [file, Path(given["noise"])]


@dataclass(frozen=True, kw_only=True)
class NamedRun:
    """A circuit, a backend and options of its ``run``, as a command line names them.

    Attributes:
        circuit: the circuit.
        backend: the backend.
        options: options of :meth:`~lret_qiskit.LRETBackend.run` that were given.
    """

    circuit: QuantumCircuit
    backend: LRETBackend
    options: dict[str, Any]

    @classmethod
    def of(cls, file: Path, given: Mapping[str, Any]) -> NamedRun:
        """Read what is named.

        Args:
            file: the circuit.
            given: values of :func:`run_options`, None for what was not given.

        Raises:
            ValueError: for a circuit, a noise model or a value that is none.
            OSError: for a file that cannot be read.
        """
        circuit = load_circuit(file)
        if circuit.num_clbits == 0:
            click.echo(f"lret: {file} measures nothing: there will be no counts", err=True)
        options = {_NAMES.get(name, name): each for name, each in given.items() if each is not None}
        if (noise := options.pop("noise", None)) is not None:
            options["noise_model"] = noise_from(noise, circuit)
        # Memory is the limit here, and not the number of qubits that a transpiler needs.
        backend = LRETBackend(num_qubits=max(1, circuit.num_qubits))
        return cls(circuit=circuit, backend=backend, options=options)

    def request(self) -> SimulationRequest:
        """The run as the simulator is asked for it, to be planned."""
        checked = merged_options(self.backend.options, self.options)
        return request_of(self.circuit, noise_of(checked, ImportCache()), checked, 0)
