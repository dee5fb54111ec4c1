"""Blocks of gates and noise on one or two qubits, multiplied into one channel.

A block is a unitary U followed by a noise channel N: a further gate V in front of N conjugates it,
U -> V U and N -> V N V^dagger. What a block is made of is written down first and multiplied when
the block is closed, so that equal blocks, in the layers of one circuit or in the circuits of a
parameter sweep, are multiplied once.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lret_dist.numerics.channels import embed, kraus_and_probabilities, superoperator
from lret_dist.numerics.operators import Operator
from lret_dist.programs.program import ChannelStep, UnitaryStep

__all__ = ["Block"]

ComplexArray = NDArray[np.complex128]


#: What is multiplied into a block: a gate, a channel, or a block on one qubit; the positions of its
#: qubits among the block's; and the bytes of the gate's matrix or of the channel's Kraus operators,
#: or the block's members.
_Member: TypeAlias = "tuple[_Kind, tuple[int, ...], bytes | _Members]"
_Members: TypeAlias = tuple[_Member, ...]

#: Positions of a member that has all qubits of its block, in order.
_WHOLE = {1: (0,), 2: (0, 1)}
#: Blocks and channels that are kept: up to 6 KiB each, on every MPI rank that plans a run.
_KEPT_BLOCKS, _KEPT_CHANNELS = 2048, 256


class _Kind(IntEnum):
    GATE = 0
    CHANNEL = 1
    BLOCK = 2


class Block:
    """Gates and channels in order, on the qubits of the block.

    Attributes:
        qubits: one qubit or two.
    """

    def __init__(self, qubits: tuple[int, ...]) -> None:
        self.qubits = qubits
        self._members: list[_Member] = []

    def then_gate(self, matrix: ComplexArray, qubits: tuple[int, ...]) -> None:
        """Take a gate on some of the qubits."""
        data = np.ascontiguousarray(matrix, np.complex128).tobytes()
        self._members.append((_Kind.GATE, self._places(qubits), data))

    def then_channel(self, kraus: ComplexArray, qubits: tuple[int, ...]) -> None:
        """Take a channel on some of the qubits, given by (K, d, d) Kraus operators."""
        data = np.ascontiguousarray(kraus, np.complex128).tobytes()
        self._members.append((_Kind.CHANNEL, self._places(qubits), data))

    def then_block(self, block: Block) -> None:
        """Take a block on some of the qubits."""
        self._members.append((_Kind.BLOCK, self._places(block.qubits), tuple(block._members)))

    def step(self) -> UnitaryStep | ChannelStep:
        """All of it as one step."""
        kraus, probabilities = _kraus(len(self.qubits), tuple(self._members))
        if len(kraus) == 1:
            return UnitaryStep(self.qubits, Operator(kraus[0]))
        return ChannelStep(self.qubits, kraus, probabilities)

    def _places(self, qubits: tuple[int, ...]) -> tuple[int, ...]:
        if qubits == self.qubits:
            return _WHOLE[len(qubits)]
        return tuple(map(self.qubits.index, qubits))


@lru_cache(maxsize=_KEPT_BLOCKS)
def _kraus(width: int, members: _Members) -> tuple[ComplexArray, NDArray[np.float64] | None]:
    """Kraus operators of a block and their probabilities, as ``kraus_and_probabilities``."""
    unitary, noise = _multiplied(width, members)
    if noise is None:
        return unitary[np.newaxis], None
    kraus, probabilities = kraus_and_probabilities(noise)
    return np.ascontiguousarray(kraus @ unitary), probabilities


def _multiplied(width: int, members: _Members) -> tuple[ComplexArray, ComplexArray | None]:
    """The unitary of a block, and the superoperator of the noise that follows it."""
    unitary = np.eye(1 << width, dtype=np.complex128)
    noise: ComplexArray | None = None
    for kind, places, content in members:
        gate, kraus = _parts(kind, len(places), content)
        if gate is not None:
            if places != _WHOLE[width]:
                gate = embed(gate, places, width)
            unitary = gate @ unitary
            noise = None if noise is None else _conjugated(noise, gate)
        if kraus is not None:
            superop = _embedded_superoperator(kraus, places, width)
            noise = superop if noise is None else superop @ noise
    return unitary, noise


def _parts(
    kind: _Kind, width: int, content: bytes | _Members
) -> tuple[ComplexArray | None, bytes | None]:
    """The gate of a member, and the bytes of the Kraus operators of the channel that follows it."""
    if not isinstance(content, bytes):
        gate, noise = _multiplied(width, content)
        return gate, None if noise is None else kraus_and_probabilities(noise)[0].tobytes()
    if kind == _Kind.GATE:
        return np.frombuffer(content, np.complex128).reshape(1 << width, 1 << width), None
    return None, content


def _matrices(data: bytes, width: int) -> ComplexArray:
    return np.frombuffer(data, np.complex128).reshape(-1, 1 << width, 1 << width)


def _conjugated(noise: ComplexArray, gate: ComplexArray) -> ComplexArray:
    conjugation = superoperator(gate[np.newaxis])
    return np.asarray(conjugation @ noise @ conjugation.conj().T)


@lru_cache(maxsize=_KEPT_CHANNELS)
def _embedded_superoperator(data: bytes, places: tuple[int, ...], width: int) -> ComplexArray:
    """Superoperator on ``width`` qubits of a channel on some of them; do not write to it."""
    return superoperator(embed(_matrices(data, len(places)), places, width))
