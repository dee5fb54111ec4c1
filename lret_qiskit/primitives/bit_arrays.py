"""From the shots of LRET's runs to Qiskit's arrays of bits, one for each classical register."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qiskit.primitives.containers import BitArray, DataBin

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qiskit import QuantumCircuit

__all__ = ["RegisterBits"]


class RegisterBits:
    """The bits of all shots of a PUB, by register and parameter set.

    A bit that no measurement writes is 0; a bit may belong to several registers.
    """

    def __init__(self, circuit: QuantumCircuit, shape: tuple[int, ...], shots: int) -> None:
        """All bits 0, for parameter sets of a shape, and so many shots of each."""
        self._shape = shape
        self._clbits = {
            register.name: [circuit.find_bit(bit).index for bit in register]
            for register in circuit.cregs
        }
        size = int(np.prod(shape))
        self._bytes = {
            name: np.zeros((size, shots, -(-len(clbits) // 8)), np.uint8)
            for name, clbits in self._clbits.items()
        }

    def put(self, number: int, samples: NDArray[np.uint8] | None) -> None:
        """Take the shots of one parameter set.

        Args:
            number: its number in the flattened shape.
            samples: (shots, bytes) bits of all classical bits, the lowest first; None for zeros.
        """
        if samples is None:
            return
        bits = np.unpackbits(samples, axis=1, bitorder="little")
        for name, clbits in self._clbits.items():
            # Qiskit's bytes have the lowest bits last.
            packed = np.packbits(bits[:, clbits], axis=1, bitorder="little")
            self._bytes[name][number] = packed[:, ::-1]

    def data(self) -> DataBin:
        """One BitArray of the PUB's shape for each register."""
        arrays = {
            name: BitArray(array.reshape(*self._shape, *array.shape[1:]), len(self._clbits[name]))
            for name, array in self._bytes.items()
        }
        return DataBin(**arrays, shape=self._shape)
