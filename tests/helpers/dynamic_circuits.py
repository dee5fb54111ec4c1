"""Random dynamic circuits: every kind of control flow, several registers, variables."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import ClassicalRegister, Clbit, Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr, types

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["random_dynamic_circuit"]

_NUM_QUBITS = 3


def random_dynamic_circuit(seed: int, *, variables: bool = True) -> QuantumCircuit:
    """A circuit on three qubits with overlapping registers and a bit of no register."""
    rng = np.random.default_rng(seed)
    bits = [Clbit() for _ in range(2)]
    first = ClassicalRegister(2, "first")
    second = ClassicalRegister(bits=[first[1], bits[0]], name="second")
    circuit = QuantumCircuit(QuantumRegister(_NUM_QUBITS, "q"), bits, first, second)
    counter = circuit.add_var("counter", expr.lift(0, types.Uint(3))) if variables else None
    writer = _Writer(circuit, rng, counter)
    for qubit in range(_NUM_QUBITS):
        circuit.ry(rng.uniform(0.5, 2.5), qubit)
    writer.write(4, depth=2)
    circuit.measure([0, 1], first)
    return circuit


class _Writer:
    def __init__(
        self, circuit: QuantumCircuit, rng: np.random.Generator, counter: expr.Var | None
    ) -> None:
        self.circuit = circuit
        self.rng = rng
        self.counter = counter
        self.in_loop = False
        self.loops = count()

    def write(self, number: int, depth: int) -> None:
        for _ in range(number):
            self.gates()
            blocks: list[Callable[[int], None]] = [self.if_else, self.for_loop, self.switch]
            if self.counter is not None:
                blocks += [self.while_loop, self.store, self.box]
            if depth and self.rng.random() < 0.7:
                blocks[self.rng.integers(len(blocks))](depth - 1)

    def gates(self) -> None:
        circuit, rng = self.circuit, self.rng
        pair = [int(q) for q in rng.permutation(_NUM_QUBITS)[:2]]
        circuit.rx(rng.uniform(0, np.pi), pair[0])
        match rng.integers(5):
            case 0:
                circuit.swap(*pair)
            case 1:
                circuit.reset(pair[1])
            case 2:
                circuit.cx(*pair)
            case _:
                bit = circuit.clbits[rng.integers(circuit.num_clbits)]
                circuit.measure(pair[0], bit)

    def condition(self) -> Any:
        """A bit, a register, or an expression that has a value."""
        circuit, rng = self.circuit, self.rng
        register = circuit.cregs[rng.integers(2)]
        bit = circuit.clbits[rng.integers(circuit.num_clbits)]
        found: list[Any] = [(bit, int(rng.integers(2))), (register, int(rng.integers(4)))]
        if self.counter is not None:
            found += [
                expr.logic_and(bit, expr.not_equal(register, 2)),
                expr.less(expr.bit_xor(register, 1), 2),
                expr.greater_equal(expr.add(self.counter, 1), 2),
                expr.index(self.counter, 0),
                expr.logic_not(expr.cast(self.counter, types.Bool())),
            ]
        return found[rng.integers(len(found))]

    def if_else(self, depth: int) -> None:
        with self.circuit.if_test(self.condition()) as orelse:
            self.write(1, depth)
            if self.in_loop and self.rng.random() < 0.4:
                leave = self.circuit.break_loop, self.circuit.continue_loop
                leave[self.rng.integers(2)]()
        if self.rng.random() < 0.5:
            with orelse:
                self.write(1, depth)

    def for_loop(self, depth: int) -> None:
        # Before version 2.4 Qiskit takes loops over two parameters of one name for a conflict.
        index = Parameter(f"index{next(self.loops)}") if self.rng.random() < 0.5 else None
        before, self.in_loop = self.in_loop, True
        with self.circuit.for_loop(range(2), index):
            if index is not None:
                self.circuit.rz(index + 0.3, 0)
            self.write(1, depth)
        self.in_loop = before

    def while_loop(self, depth: int) -> None:
        """A loop that ends, whatever happens in it."""
        assert self.counter is not None
        before, self.in_loop = self.in_loop, True
        bit = self.circuit.clbits[self.rng.integers(self.circuit.num_clbits)]
        self.circuit.store(self.counter, expr.lift(0, types.Uint(3)))
        with self.circuit.while_loop(expr.logic_and(bit, expr.less(self.counter, 3))):
            self.circuit.store(self.counter, expr.add(self.counter, 1))
            kept, self.counter = self.counter, None
            self.write(1, depth)
            self.counter = kept
        self.in_loop = before

    def switch(self, depth: int) -> None:
        with self.circuit.switch(self.circuit.cregs[self.rng.integers(2)]) as case:
            with case(0, 3):
                self.write(1, depth)
            with case(1):
                self.write(1, depth)
            if self.rng.random() < 0.5:
                with case(case.DEFAULT):
                    self.write(1, depth)

    def store(self, _: int) -> None:
        assert self.counter is not None
        register = expr.cast(expr.lift(self.circuit.cregs[0]), types.Uint(3))
        values = [expr.bit_not(self.counter), expr.shift_left(register, 1), register]
        self.circuit.store(self.counter, values[self.rng.integers(len(values))])
        if self.rng.random() < 0.5:
            self.circuit.store(self.circuit.clbits[0], expr.index(self.counter, 1))

    def box(self, depth: int) -> None:
        with self.circuit.box():
            self.write(1, depth)
