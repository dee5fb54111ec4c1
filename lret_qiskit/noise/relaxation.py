"""Relaxation passes as plain data.

What a pass of another kind does is a function of the user's: it cannot be kept.
"""

from __future__ import annotations

from functools import cache
from math import inf, isinf
from typing import TYPE_CHECKING, Any

from qiskit.circuit import Barrier, ControlledGate, Delay, Gate, Instruction, Measure, Reset
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, Target
from qiskit_aer.noise import thermal_relaxation_error
from qiskit_aer.noise.noiseerror import NoiseError
from qiskit_aer.noise.passes import RelaxationNoisePass

from lret_dist.circuits.noise_document import MAX_ENTRIES, MAX_QUBITS
from lret_qiskit.noise.aer_model import pass_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qiskit.transpiler import TransformationPass

    from lret_dist.files.plain_data import Node

__all__ = ["acts_on_delays_alone", "read_passes", "write_passes"]

_MAX_PASSES = 1000


def acts_on_delays_alone(noise_pass: TransformationPass) -> bool:
    """Whether a pass leaves a circuit without delays as it is."""
    found = pass_arguments(noise_pass)
    return found is not None and found.op_types == (Delay,)


def write_passes(passes: Iterable[TransformationPass]) -> list[dict[str, Any]]:
    """The list under ``passes``.

    Raises:
        ValueError: for a pass of an unknown kind, or on an instruction of the user's own class.
    """
    return [_written(number, noise_pass) for number, noise_pass in enumerate(passes)]


def read_passes(node: Node) -> tuple[TransformationPass, ...]:
    """The passes of the list under ``passes``.

    Raises:
        ValueError: saying where the list is wrong.
    """
    return tuple(_read(entry) for entry in node.items(most=_MAX_PASSES))


def _written(number: int, noise_pass: TransformationPass) -> dict[str, Any]:
    found = pass_arguments(noise_pass)
    if found is None:
        raise ValueError(
            f"passes[{number}]: a {type(noise_pass).__name__} cannot be written to a document; "
            f"only passes of the class RelaxationNoisePass of Qiskit Aer can"
        )
    document: dict[str, Any] = {
        "kind": "relaxation",
        "t1": [_or_none(time) for time in found.t1s],
        "t2": [_or_none(time) for time in found.t2s],
        "excited": list(found.excited_state_populations),
    }
    if found.dt is not None:
        document["dt"] = found.dt
    if found.op_types:
        document["instructions"] = [_class_name(number, each) for each in found.op_types]
    if found.target is not None:
        only_delays = found.op_types == (Delay,)
        document["durations"] = [] if only_delays else _durations(found.target)
    return document


def _read(node: Node) -> TransformationPass:
    fields = node.fields(("kind", "t1", "t2", "excited"), ("dt", "instructions", "durations"))
    if fields["kind"].value != "relaxation":
        raise fields["kind"].expected("'relaxation'")
    t1s, t2s = _times(fields["t1"]), _times(fields["t2"])
    excited = [entry.number() for entry in fields["excited"].items(most=MAX_QUBITS)]
    if not len(t1s) == len(t2s) == len(excited):
        raise node.wrong(
            f"t1, t2 and excited must have one length, got {len(t1s)}, {len(t2s)}, {len(excited)}"
        )
    for qubit, arguments in enumerate(zip(t1s, t2s, excited, strict=True)):
        _check_relaxation(node, qubit, *arguments)
    return RelaxationNoisePass(
        t1s,
        t2s,
        dt=_positive(fields["dt"]) if "dt" in fields else None,
        op_types=_classes_of(fields["instructions"]) if "instructions" in fields else None,
        excited_state_populations=excited,
        target=_target(fields["durations"]) if "durations" in fields else None,
    )


def _times(node: Node) -> list[float]:
    """Times in seconds; null stands for an infinite one, as JSON has none."""
    entries = node.items(most=MAX_QUBITS)
    return [inf if entry.value is None else _positive(entry) for entry in entries]


def _positive(node: Node) -> float:
    value = node.number()
    if value <= 0:
        raise node.expected("a positive number of seconds")
    return value


def _check_relaxation(node: Node, qubit: int, t1: float, t2: float, excited: float) -> None:
    """Let Qiskit Aer say now what it would say at the first delay."""
    if isinf(t1) and isinf(t2):
        # Nothing relaxes; the population is checked all the same.
        t1 = t2 = 1.0
    try:
        thermal_relaxation_error(t1, t2, 0.0, excited)
    except NoiseError as error:
        raise node.wrong(f"qubit {qubit}: {error.message}") from None


def _or_none(time: float) -> float | None:
    return None if isinf(time) else time


@cache
def _classes() -> dict[str, type]:
    """Classes of instructions by name; a document cannot name any other."""
    gates = [type(gate.to_mutable()) for gate in get_standard_gate_name_mapping().values()]
    general = [Barrier, ControlledGate, Delay, Gate, Instruction, Measure, Reset]
    return {each.__name__: each for each in (*gates, *general)}


def _class_name(number: int, kind: type) -> str:
    if _classes().get(kind.__name__) is not kind:
        raise ValueError(
            f"passes[{number}]: relaxation after instructions of class {kind.__name__!r} cannot be "
            f"written to a document; only classes of Qiskit's standard instructions can"
        )
    return kind.__name__


def _classes_of(node: Node) -> list[type]:
    found = []
    for entry in node.items(most=_MAX_PASSES, least=1):
        name = entry.text()
        if name not in _classes():
            raise entry.wrong(f"unknown class of instructions {name!r}")
        found.append(_classes()[name])
    return found


def _durations(target: Target) -> list[dict[str, Any]]:
    return [
        {"instruction": name, "qubits": list(qubits), "seconds": float(properties.duration)}
        for name, by_qubits in target.items()
        for qubits, properties in by_qubits.items()
        if qubits is not None and properties is not None and properties.duration is not None
    ]


def _target(node: Node) -> Target:
    """A target that knows durations and nothing else."""
    durations: dict[str, dict[tuple[int, ...], float]] = {}
    for entry in node.items(most=MAX_ENTRIES):
        fields = entry.fields(("instruction", "qubits", "seconds"))
        by_qubits = durations.setdefault(fields["instruction"].text(), {})
        qubits = fields["qubits"].distinct_qubits(most=MAX_QUBITS)
        if qubits in by_qubits:
            raise entry.wrong("this duration is there already")
        if by_qubits and len(next(iter(by_qubits))) != len(qubits):
            raise fields["qubits"].wrong("an instruction has one number of qubits")
        by_qubits[qubits] = fields["seconds"].number()
        if by_qubits[qubits] < 0:
            raise fields["seconds"].expected("a duration")
    target = Target()
    for name, by_qubits in durations.items():
        _add(target, name, by_qubits)
    return target


def _add(target: Target, name: str, durations: dict[tuple[int, ...], float]) -> None:
    width = len(_first(list(durations)))
    properties = {
        qubits: InstructionProperties(duration=seconds) for qubits, seconds in durations.items()
    }
    target.add_instruction(Instruction(name, width, 0, []), properties)


def _first(places: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return places[0]
