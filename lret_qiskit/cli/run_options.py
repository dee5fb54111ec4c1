"""Options of a run, which several commands take, and a run as they name it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click
from qiskit.providers import BackendV2

from lret_dist.options import METHODS, Parallelization, Precision, Truncation
from lret_qiskit.backends import LRETBackend
from lret_qiskit.backends.options import default_options, merged_options
from lret_qiskit.backends.requests import noise_of, request_of
from lret_qiskit.backends.run_input import written_names
from lret_qiskit.circuit_files import load_circuit
from lret_qiskit.cli.fake_devices import Compilation, compiled
from lret_qiskit.cli.messages import note, usage_errors
from lret_qiskit.cli.noise_option import NOISE_HELP, noise_from
from lret_qiskit.cli.observables import OBSERVABLE_HELP, NamedObservable, with_observables
from lret_qiskit.noise_matching import check_noise_acts
from lret_qiskit.noise_model_importer import ImportCache
from lret_qiskit.translators.parameters import free_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qiskit import QuantumCircuit

    from lret_dist import SimulationRequest

__all__ = [
    "NamedRun",
    "as_arguments",
    "circuit_file",
    "compare_options",
    "input_files",
    "plan_options",
    "run_options",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

#: The file of a circuit, which must be there.
circuit_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_NOISE = click.option("--noise", metavar="MODEL", help=NOISE_HELP)
_OBSERVABLE = click.option("--observable", metavar="PAULIS", multiple=True, help=OBSERVABLE_HELP)
_OTHERS = (
    click.option("--shots", type=int, help="Samples of the classical bits.  [default: 1024]"),
    click.option(
        "--epsilon",
        type=float,
        help="Trace that a certified run may discard; bounds the error. Any value but 1e-4 asks "
        "for a certified run; at 1e-4, --truncation certified does.  [default: 1e-4]",
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
)
_CHECKPOINTS = (
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
    """Give a command the options of a run; those that are not given are None, or no values."""
    return _with((_NOISE, _OBSERVABLE, *_OTHERS, *_CHECKPOINTS), command)


def plan_options(command: _Command) -> _Command:
    """As :func:`run_options`, without those that change nothing of what a run takes."""
    return _with((_NOISE, _OBSERVABLE, *_OTHERS), command)


def compare_options(command: _Command) -> _Command:
    """As :func:`plan_options`, without observables: states are compared as a whole."""
    return _with((_NOISE, *_OTHERS), command)


def _with(options: tuple[Callable[[_Command], _Command], ...], command: _Command) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


def as_arguments(given: Mapping[str, Any]) -> list[str]:
    """The words of a command line that give these options; paths are made absolute."""
    words: list[str] = []
    for name, value in given.items():
        for each in value if isinstance(value, tuple) else (value,):
            if each is not None:
                is_path = name == "checkpoint" or (name == "noise" and Path(each).exists())
                text = str(Path(each).resolve() if is_path else each)
                words += [f"--{name.replace('_', '-')}", text]
    return words


def input_files(file: Path, given: Mapping[str, Any]) -> list[Path]:
    """The files that a run reads; ``given`` as of :func:`run_options`."""
    return [file] if given["noise"] is None else [file, Path(given["noise"])]


@dataclass(frozen=True, kw_only=True)
class NamedRun:
    """A circuit, a backend and options of its ``run``, as a command line names them.

    Attributes:
        circuit: the circuit as it is run.
        backend: the backend.
        options: options of :meth:`~lret_qiskit.LRETBackend.run` that were given.
        observables: whose values the circuit saves.
        compilation: what was done to run it as a device would, None without one.
    """

    circuit: QuantumCircuit
    backend: LRETBackend
    options: dict[str, Any]
    observables: tuple[NamedObservable, ...]
    compilation: Compilation | None

    @classmethod
    def of(cls, file: Path, given: Mapping[str, Any]) -> NamedRun:
        """Read what is named.

        Args:
            file: the circuit.
            given: values of :func:`run_options`, None for what was not given.

        Raises:
            click.UsageError: for a value that is none, or a noise model that cannot be read.
            ValueError: for a circuit that cannot be read or simulated.
        """
        options = {name: each for name, each in given.items() if each is not None}
        texts, noise = options.pop("observable", ()), options.pop("noise", None)
        with usage_errors():
            merged_options(default_options(), options)
        circuit = _readable(file)
        with usage_errors("--observable"):
            observables = tuple(NamedObservable.parsed(text, circuit.num_qubits) for text in texts)
        # A comparison, which has no observables, measures all qubits then.
        if circuit.num_clbits == 0 and not observables and "observable" in given:
            note(f"{file} measures nothing: there will be no counts")
        circuit = with_observables(circuit, observables)
        # Memory is the limit here, and not the number of qubits that a transpiler needs.
        backend, compilation = LRETBackend(num_qubits=max(1, circuit.num_qubits)), None
        with usage_errors("--noise"):
            model = None if noise is None else noise_from(noise, circuit)
            if isinstance(model, BackendV2):
                backend = LRETBackend.from_backend(model)
                circuit, compilation = compiled(circuit, model, backend)
                note(str(compilation))
            elif model is not None:
                options["noise_model"] = model
        return cls(
            circuit=circuit,
            backend=backend,
            options=options,
            observables=observables,
            compilation=compilation,
        )

    def request(self) -> SimulationRequest:
        """The run as the simulator is asked for it, to be planned.

        It warns of noise that acts nowhere, as a run does.
        """
        checked = merged_options(self.backend.options, self.options)
        noise = noise_of(checked, ImportCache())
        request = request_of(self.circuit, noise, checked, 0)
        if noise is not None:
            check_noise_acts(noise, [request.circuit], written_names([self.circuit]))
        return request


def _readable(file: Path) -> QuantumCircuit:
    """The circuit in a file, whose parameters all have values."""
    circuit = load_circuit(file)
    if parameters := free_parameters(circuit):
        names = ", ".join(each.name for each in parameters)
        raise ValueError(
            f"{file}: the circuit has parameters without values: {names}; give them values with "
            "circuit.assign_parameters({...}) before it is written to the file"
        )
    return circuit
