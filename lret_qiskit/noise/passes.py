"""Noise passes: noise that is written into Qiskit's circuits before they are translated.

Qubits are numbered as in the whole circuit, also inside the blocks of control flow, where a pass
alone would count those of the block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, Qubit
from qiskit.exceptions import QiskitError
from qiskit.transpiler import PassManager

from lret_qiskit.noise.relaxation import acts_on_delays_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit.circuit import CircuitInstruction
    from qiskit.transpiler import TransformationPass

    from lret_dist import NoiseModel

__all__ = ["with_noise_passes"]


def with_noise_passes(circuit: QuantumCircuit, noise: NoiseModel | None) -> QuantumCircuit:
    """The circuit after the noise passes of an imported model.

    Operations that are made of others, delays among them, are taken apart first.

    Raises:
        ValueError: for a delay on a qubit that the model knows nothing of, and for what a pass
            refuses.
    """
    passes: Sequence[TransformationPass] = getattr(noise, "passes", ())
    if not passes:
        return circuit
    opened = _opened(circuit)
    if all(map(acts_on_delays_alone, passes)) and not _has_delay(opened):
        return circuit
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


def _opened(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with those operations taken apart that hold delays, also inside blocks."""
    while holders := [each.name for each in circuit.data if _hides_delay(each)]:
        circuit = circuit.decompose(holders)
    return _with_blocks(circuit, lambda block, _: _opened(block))


def _noisy(
    circuit: QuantumCircuit,
    passes: Sequence[TransformationPass],
    qubits: Sequence[int],
    width: int,
) -> QuantumCircuit:
    """A circuit, whose qubits are the given ones among so many, after the passes."""

    def in_block(block: QuantumCircuit, instruction: CircuitInstruction) -> QuantumCircuit:
        inner = [qubits[circuit.find_bit(bit).index] for bit in instruction.qubits]
        return _noisy(block, passes, inner, width)

    after_blocks = _with_blocks(circuit, in_block)
    wide = _widened(after_blocks, qubits, width)
    return _narrowed(PassManager(list(passes)).run(wide), after_blocks)


def _widened(circuit: QuantumCircuit, qubits: Sequence[int], width: int) -> QuantumCircuit:
    """The same circuit, its qubits at their places among those of the whole circuit."""
    if len(qubits) == width and list(qubits) == list(range(width)):
        return circuit
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
    for instruction in circuit.data:
        wide.append(instruction)
    return wide


def _narrowed(noisy: QuantumCircuit, like: QuantumCircuit) -> QuantumCircuit:
    if len(noisy.qubits) == len(like.qubits):
        return noisy
    narrow = like.copy_empty_like()
    for instruction in noisy.data:
        narrow.append(instruction)
    return narrow


def _with_blocks(circuit: QuantumCircuit, change: Any) -> QuantumCircuit:
    """The circuit with the blocks of its control flow changed, if it has any."""
    if not any(_blocks(each) for each in circuit.data):
        return circuit
    changed = circuit.copy_empty_like()
    for each in circuit.data:
        if blocks := _blocks(each):
            new = [change(block, each) for block in blocks]
            changed.append(each.operation.replace_blocks(new), each.qubits, each.clbits)
        else:
            changed.append(each)
    return changed


def _blocks(instruction: CircuitInstruction) -> tuple[QuantumCircuit, ...]:
    if instruction.is_standard_gate() or not isinstance(instruction.operation, ControlFlowOp):
        return ()
    return tuple(instruction.operation.blocks)


def _has_delay(circuit: QuantumCircuit) -> bool:
    return any(each.name == "delay" or any(map(_has_delay, _blocks(each))) for each in circuit.data)


def _hides_delay(instruction: CircuitInstruction) -> bool:
    """Whether a delay is in the definition of an instruction."""
    if instruction.is_standard_gate() or instruction.is_directive():
        return False
    definition = getattr(instruction.operation, "definition", None)
    return definition is not None and any(_is_or_hides_delay(part) for part in definition.data)


def _is_or_hides_delay(instruction: CircuitInstruction) -> bool:
    in_blocks = (part for block in _blocks(instruction) for part in block.data)
    return (
        instruction.name == "delay"
        or _hides_delay(instruction)
        or any(map(_is_or_hides_delay, in_blocks))
    )
