"""Noise passes: noise that is written into Qiskit's circuits before they are translated.

Qubits are numbered as in the whole circuit, also inside the blocks of control flow, where a pass
alone would count those of the block.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from qiskit import QuantumCircuit
from qiskit.circuit import Qubit
from qiskit.exceptions import QiskitError
from qiskit.transpiler import PassManager

from lret_qiskit.noise.aer_model import pass_arguments
from lret_qiskit.noise.preparation import (
    blocks_of,
    check_durations,
    has_delay,
    is_control_flow,
    with_visible_delays,
    without_loop_parameters,
)
from lret_qiskit.noise.relaxation import acts_on_delays_alone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qiskit.circuit import CircuitInstruction
    from qiskit.transpiler import TransformationPass

    from lret_dist import NoiseModel

__all__ = ["with_noise_passes"]


def with_noise_passes(circuit: QuantumCircuit, noise: NoiseModel | None) -> QuantumCircuit:
    """The circuit after the noise passes of an imported model.

    First, operations that are made of others, delays among them, are replaced by these, and loops
    are written out where noise may depend on their parameter. Passes see what is in the
    blocks of control flow, one straight piece after another, and not the control flow itself.

    Raises:
        ValueError: for a delay on a qubit that the model knows nothing of, or of a duration that
            is not known, and for what a pass refuses.
        UnsupportedOperationError: for a delay whose duration is an expression, and for a loop that
            cannot be written out.
    """
    passes: Sequence[TransformationPass] = getattr(noise, "passes", ())
    if not passes:
        return circuit
    if all(map(acts_on_delays_alone, passes)) and not has_delay(circuit):
        return circuit
    relaxing = [pass_arguments(each) is not None for each in passes]
    opened = without_loop_parameters(with_visible_delays(circuit), of_delays_alone=all(relaxing))
    if any(relaxing):
        check_durations(opened, circuit.name)
    try:
        return _noisy(opened, passes, range(opened.num_qubits), opened.num_qubits)
    except IndexError:
        raise ValueError(
            f"circuit {circuit.name!r} has a delay on a qubit that the device of the noise model "
            f"does not have; leave out the delay, or transpile for the device"
        ) from None
    except QiskitError as error:
        raise ValueError(
            f"circuit {circuit.name!r}: a noise pass failed: {error.message}"
        ) from error


def _noisy(
    circuit: QuantumCircuit,
    passes: Sequence[TransformationPass],
    qubits: Sequence[int],
    width: int,
) -> QuantumCircuit:
    """A circuit, whose qubits are the given ones among so many, after the passes."""
    noisy = circuit.copy_empty_like()
    wide = _empty_and_wide(circuit, qubits, width)
    manager = PassManager(list(passes))
    for is_flow, group in groupby(circuit.data, is_control_flow):
        if not is_flow:
            _append_all(noisy, manager.run(_with(wide, group)))
            continue
        for each in group:
            inner = [qubits[circuit.find_bit(bit).index] for bit in each.qubits]
            blocks = [_noisy(block, passes, inner, width) for block in blocks_of(each)]
            operation = each.operation.replace_blocks(blocks) if blocks else each.operation
            noisy.append(operation, each.qubits, each.clbits)
    return noisy


def _empty_and_wide(circuit: QuantumCircuit, qubits: Sequence[int], width: int) -> QuantumCircuit:
    """A circuit without instructions, its qubits at their places among those of the whole."""
    if list(qubits) == list(range(width)):
        empty = circuit.copy_empty_like()
        empty.global_phase = 0
        return empty
    places = [Qubit() for _ in range(width)]
    for place, bit in zip(qubits, circuit.qubits, strict=True):
        places[place] = bit
    wide = QuantumCircuit(
        places,
        circuit.clbits,
        *circuit.cregs,
        inputs=circuit.iter_input_vars(),
        captures=circuit.iter_captures(),
    )
    for variable in circuit.iter_declared_vars():
        wide.add_uninitialized_var(variable)
    for stretch in circuit.iter_declared_stretches():
        wide.add_stretch(stretch)
    return wide


def _with(empty: QuantumCircuit, instructions: Iterable[CircuitInstruction]) -> QuantumCircuit:
    part = empty.copy_empty_like()
    for each in instructions:
        part.append(each)
    return part


def _append_all(circuit: QuantumCircuit, noisy: QuantumCircuit) -> None:
    circuit.global_phase += noisy.global_phase
    for each in noisy.data:
        circuit.append(each)
