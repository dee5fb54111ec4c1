"""Dynamic circuits by brute force: the exact state of every value of the classical memory.

Blocks are walked as they are written, without marks or jumps. Branches with the same memory are
added up, so loops that end sooner or later can be followed until next to nothing is left in them.
"""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import CASE_DEFAULT, ClassicalRegister, Clbit, Parameter
from qiskit.circuit.classical import expr, types
from scipy.stats import chi2

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qiskit import QuantumCircuit

#: A memory: values of classical bits and variables, by bit or variable, sorted by name.
Memory = tuple[tuple[Any, Any], ...]
Branches = dict[Memory, "NDArray[np.complex128]"]

#: Probability that is rounding, or too small to be followed.
_LEFT = 1e-13
#: Fewest counts that a cell of the chi-square test expects.
_FEWEST = 8
_BINARY = {
    "BIT_AND": operator.and_,
    "BIT_OR": operator.or_,
    "BIT_XOR": operator.xor,
    "LOGIC_AND": lambda a, b: bool(a) and bool(b),
    "LOGIC_OR": lambda a, b: bool(a) or bool(b),
    "EQUAL": operator.eq,
    "NOT_EQUAL": operator.ne,
    "LESS": operator.lt,
    "LESS_EQUAL": operator.le,
    "GREATER": operator.gt,
    "GREATER_EQUAL": operator.ge,
    "SHIFT_LEFT": operator.lshift,
    "SHIFT_RIGHT": operator.rshift,
    "ADD": operator.add,
    "SUB": operator.sub,
    "MUL": operator.mul,
}


def distribution(circuit: QuantumCircuit) -> dict[str, float]:
    """Probability of each string of the classical bits, the last bit first."""
    found: dict[str, float] = defaultdict(float)
    for memory, rho in _whole(circuit).items():
        values = dict(memory)
        bits = "".join(str(int(values[bit])) for bit in reversed(circuit.clbits))
        found[bits] += float(rho.trace().real)
    return dict(found)


def average_state(circuit: QuantumCircuit) -> NDArray[np.complex128]:
    """The state at the end, averaged over all outcomes."""
    return np.asarray(sum(_whole(circuit).values()))


def assert_counts_fit(counts: dict[str, int], expected: dict[str, float], least: float) -> None:
    """Compare counts with their distribution by a chi-square test at the level ``least``."""
    number = sum(counts.values())
    plain = Counter({bits.replace(" ", ""): times for bits, times in counts.items()})
    assert set(plain) <= {bits for bits, part in expected.items() if part > _LEFT}
    # The rarest strings are taken together, so that each cell is large enough for the test.
    cells: list[tuple[int, float]] = []
    seen, part = 0, 0.0
    for bits in sorted(expected, key=lambda each: expected[each]):
        seen, part = seen + plain[bits], part + expected[bits]
        if number * part >= _FEWEST:
            cells.append((seen, part))
            seen, part = 0, 0.0
    cells[-1] = (cells[-1][0] + seen, cells[-1][1] + part)
    statistic = sum((seen - number * part) ** 2 / (number * part) for seen, part in cells)
    assert statistic <= chi2.isf(least, max(1, len(cells) - 1)), (plain, expected)


def _whole(circuit: QuantumCircuit) -> Branches:
    start = np.zeros((1 << circuit.num_qubits,) * 2, complex)
    start[0, 0] = 1
    memory = tuple((bit, 0) for bit in circuit.clbits)
    walk = _Walk(circuit.num_qubits)
    wires, bits = range(circuit.num_qubits), circuit.clbits
    branches, broken, continued = walk.block(circuit, {memory: start}, wires, bits)
    assert not broken
    assert not continued
    return branches


def _merged(*parts: Branches) -> Branches:
    total: Branches = {}
    for part in parts:
        for memory, rho in part.items():
            total[memory] = total.get(memory, 0) + rho
    return {memory: rho for memory, rho in total.items() if rho.trace().real > _LEFT}


def _with(memory: Memory, name: Any, value: Any) -> Memory:
    return tuple({**dict(memory), name: value}.items())


class _Walk:
    def __init__(self, num_qubits: int) -> None:
        self.num_qubits = num_qubits

    def block(self, block, branches: Branches, wires, bits) -> tuple[Branches, ...]:
        """What goes on at the end of a block, what breaks a loop, and what continues it."""
        position = dict(zip(block.qubits, wires, strict=True))
        clbits = dict(zip(block.clbits, bits, strict=True))
        broken: Branches = {}
        continued: Branches = {}
        for instruction in block.data:
            wires = [position[bit] for bit in instruction.qubits]
            bits = [clbits[bit] for bit in instruction.clbits]
            name, operation = instruction.name, instruction.operation
            if name == "break_loop":
                return {}, _merged(broken, branches), continued
            if name == "continue_loop":
                return {}, broken, _merged(continued, branches)
            if instruction.is_control_flow():
                inner = self._flow(operation, branches, wires, bits, clbits)
                branches, more_broken, more_continued = inner
                broken, continued = _merged(broken, more_broken), _merged(continued, more_continued)
            else:
                branches = self._step(operation, branches, wires, bits, clbits)
        return branches, broken, continued

    def _flow(self, operation, branches, wires, bits, clbits) -> tuple[Branches, ...]:
        kind = operation.name
        if kind == "if_else":
            yes, no = self._parted(operation.condition, branches, clbits)
            done = self.block(operation.params[0], yes, wires, bits)
            orelse = operation.params[1]
            other = (no, {}, {}) if orelse is None else self.block(orelse, no, wires, bits)
            return tuple(_merged(*pair) for pair in zip(done, other, strict=True))
        if kind == "switch_case":
            return self._switch(operation, branches, wires, bits, clbits)
        if kind == "box":
            return self.block(operation.blocks[0], branches, wires, bits)
        return self._loop(operation, branches, wires, bits, clbits), {}, {}

    def _loop(self, operation, branches, wires, bits, clbits) -> Branches:
        left: Branches = {}
        if operation.name == "for_loop":
            indices, parameter, body = operation.params
            for index in indices:
                inner = body
                if isinstance(parameter, Parameter) and parameter in body.parameters:
                    inner = body.assign_parameters({parameter: index})
                elif parameter is not None and not isinstance(parameter, Parameter):
                    branches = {_with(m, parameter, index): rho for m, rho in branches.items()}
                done, broken, continued = self.block(inner, branches, wires, bits)
                left, branches = _merged(left, broken), _merged(done, continued)
            return _merged(left, branches)
        while branches:
            branches, ended = self._parted(operation.condition, branches, clbits)
            done, broken, continued = self.block(operation.blocks[0], branches, wires, bits)
            left, branches = _merged(left, ended, broken), _merged(done, continued)
        return left

    def _switch(self, operation, branches, wires, bits, clbits) -> tuple[Branches, ...]:
        results = []
        for values, body in operation.cases_specifier():
            chosen: Branches = {}
            for memory, rho in branches.items():
                target = _value(operation.target, memory, clbits)
                if CASE_DEFAULT in values or int(target) in values:
                    chosen[memory] = rho
            branches = {m: rho for m, rho in branches.items() if m not in chosen}
            results.append(self.block(body, chosen, wires, bits))
        results.append((branches, {}, {}))
        return tuple(_merged(*parts) for parts in zip(*results, strict=True))

    def _parted(self, condition, branches, clbits) -> tuple[Branches, Branches]:
        parts: tuple[Branches, Branches] = ({}, {})
        for memory, rho in branches.items():
            if isinstance(condition, tuple):
                holds = int(_value(condition[0], memory, clbits)) == int(condition[1])
            else:
                holds = bool(_value(condition, memory, clbits))
            parts[not holds][memory] = rho
        return parts

    def _step(self, operation, branches, wires, bits, clbits) -> Branches:
        if operation.name in ("barrier", "delay"):
            return branches
        if operation.name == "store":
            return _merged(
                *({_stored(operation, memory, clbits): rho} for memory, rho in branches.items())
            )
        if operation.name == "measure":
            results = []
            for outcome in (0, 1):
                projector = self._on_all(np.diag([1 - outcome, outcome]), wires)
                results += [
                    {_with(memory, bits[0], outcome): projector @ rho @ projector}
                    for memory, rho in branches.items()
                ]
            return _merged(*results)
        kraus = [operation.to_matrix()] if operation.name != "reset" else _RESET
        matrices = [self._on_all(matrix, wires) for matrix in kraus]
        return {
            memory: sum(matrix @ rho @ matrix.conj().T for matrix in matrices)
            for memory, rho in branches.items()
        }

    def _on_all(self, matrix, wires) -> NDArray[np.complex128]:
        """A matrix on some qubits as one on all."""
        n, k = self.num_qubits, len(wires)
        whole = np.zeros((1 << n, 1 << n), complex)
        rest = [q for q in range(n) if q not in wires]
        spread = [sum((j >> p & 1) << q for p, q in enumerate(rest)) for j in range(1 << n - k)]
        inner = [sum((j >> p & 1) << q for p, q in enumerate(wires)) for j in range(1 << k)]
        for base in spread:
            rows = np.array([base + each for each in inner])
            whole[np.ix_(rows, rows)] = matrix
        return whole


_RESET = [np.array([[1, 0], [0, 0]]), np.array([[0, 1], [0, 0]])]


def _stored(operation, memory: Memory, clbits) -> Memory:
    value = _value(operation.rvalue, memory, clbits)
    target = operation.lvalue
    if isinstance(target, expr.Index):
        old, place = (_value(each, memory, clbits) for each in (target.target, target.index))
        value, target = old & ~(1 << place) | int(value) << place, target.target
    held = target.var
    if isinstance(held, Clbit):
        return _with(memory, clbits[held], int(value))
    if isinstance(held, ClassicalRegister):
        for place, bit in enumerate(held):
            memory = _with(memory, clbits[bit], value >> place & 1)
        return memory
    return _with(memory, target, value)


def _value(node: Any, memory: Memory, clbits) -> Any:
    if isinstance(node, expr.Var) and isinstance(node.var, Clbit | ClassicalRegister):
        node = node.var
    values = dict(memory)
    match node:
        case Clbit():
            return values[clbits[node]]
        case ClassicalRegister():
            return sum(values[clbits[bit]] << place for place, bit in enumerate(node))
        case expr.Var():
            return values[node]
        case expr.Value():
            return node.value
        case expr.Index():
            target, place = (_value(each, memory, clbits) for each in (node.target, node.index))
            return bool(target >> place & 1)
        case expr.Cast() | expr.Unary():
            return _of_one(node, _value(node.operand, memory, clbits))
        case expr.Binary():
            pair = (_value(each, memory, clbits) for each in (node.left, node.right))
            return _wrapped(_BINARY[node.op.name](*pair), node)
    raise AssertionError(node)


def _of_one(node: expr.Cast | expr.Unary, value: Any) -> Any:
    if isinstance(node, expr.Cast):
        return bool(value) if isinstance(node.type, types.Bool) else _wrapped(int(value), node)
    if isinstance(node.type, types.Bool):
        return not value
    return _wrapped(~value if node.op.name == "BIT_NOT" else -value, node)


def _wrapped(value: Any, node: expr.Expr) -> Any:
    if isinstance(node.type, types.Uint):
        return int(value) % (1 << node.type.width)
    return value
