"""Naive NumPy references of the compiled kernels, row by row from their definitions."""

import numpy as np

DTYPES = (np.complex128, np.complex64)


def tolerance(dtype):
    return 1e-12 if dtype == np.complex128 else 2e-5


def random_block(rng, qubits, columns, *, padding=0, dtype=np.complex128):
    """A block of unit-scale random numbers, ``padding`` elements between its rows."""
    shape = (2**qubits, columns + padding)
    storage = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    return storage[:, :columns]


def random_matrix(rng, *shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def value_on(row, bits):
    """The number that row's ``bits`` spell, ``bits[0]`` lowest."""
    return sum((row >> bit & 1) << i for i, bit in enumerate(bits))


def with_value(row, bits, value):
    """The row with its ``bits`` set to ``value``."""
    for i, bit in enumerate(bits):
        row = row & ~(1 << bit) | (value >> i & 1) << bit
    return row


def full_matrix(rows, bits, matrix):
    """The matrix on all rows that acts as ``matrix`` on ``bits``."""
    full = np.zeros((rows, rows), dtype=complex)
    for x in range(rows):
        for b in range(2 ** len(bits)):
            full[x, with_value(x, bits, b)] = matrix[value_on(x, bits), b]
    return full


def controlled_matrix(rows, control_bits, control_value, bits, matrix):
    full = full_matrix(rows, bits, matrix)
    for x in range(rows):
        if value_on(x, control_bits) != control_value:
            full[x] = np.eye(rows)[x]
    return full


def reduced_matrices(block, bits):
    size = 2 ** len(bits)
    out = np.zeros((block.shape[1], size, size), dtype=complex)
    for x in range(block.shape[0]):
        for b in range(size):
            other = with_value(x, bits, b)
            out[:, value_on(x, bits), b] += block[x].astype(complex) * block[other].conj()
    return out


def pauli_matrix(rows, x_mask, z_mask):
    full = np.zeros((rows, rows))
    for x in range(rows):
        other = x ^ x_mask
        full[x, other] = (-1) ** (other & z_mask).bit_count()
    return full
