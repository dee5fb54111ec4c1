"""Small-matrix algebra of channels: checks, superoperators, Kraus operators from a Choi matrix.

Vectorisation stacks columns: vec(A rho B) = (B^T kron A) vec(rho). Source for the conversions:
Wood, Biamonte, Cory, "Tensor networks and graphical calculus for open quantum systems" (2015).
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "RESET",
    "as_kraus",
    "as_readout_matrix",
    "as_unitary",
    "embed",
    "kraus_and_probabilities",
    "paulis",
    "superoperator",
    "transfer_matrix",
]

ComplexArray = NDArray[np.complex128]

#: Largest deviation from unitarity or trace preservation that is taken for rounding.
TOLERANCE = 1e-8

#: Branch weight below which an operator is rounding of the fusion, not physics.
_ROUNDING = 1e-15

#: Largest deviation from a multiple of a unitary that is taken for rounding; 1.5e-15 occurs.
_UNITARY_ROUNDING = 2e-15

#: Kraus operators of a reset of one qubit to zero.
RESET = np.array([[[1, 0], [0, 0]], [[0, 1], [0, 0]]], dtype=np.complex128)


def as_unitary(matrix: ArrayLike) -> ComplexArray:
    """Check that a matrix is a finite (2**k, 2**k) unitary to 1e-8 and return it as complex128.

    Raises:
        ValueError: saying what is wrong with it.
    """
    unitary = _as_complex(matrix, "a unitary")
    if unitary.ndim != 2:
        raise ValueError(f"a unitary must be a 2-D matrix, got {unitary.ndim} dimensions")
    _check_square(unitary.shape, "a unitary")
    error = np.abs(unitary.conj().T @ unitary - np.eye(len(unitary))).max()
    if error > TOLERANCE:
        raise ValueError(f"the matrix is not unitary: U^dagger U differs from 1 by {error:.2g}")
    return unitary


def as_kraus(kraus: ArrayLike | Sequence[ArrayLike]) -> ComplexArray:
    """Check that operators are finite and trace preserving to 1e-8; return (K, d, d) complex128.

    Raises:
        ValueError: saying what is wrong with them.
    """
    operators = _as_complex(kraus, "Kraus operators")
    if operators.ndim == 2:
        operators = operators[np.newaxis]
    if operators.ndim != 3 or not len(operators):
        raise ValueError(
            f"Kraus operators must be a list of square matrices, got shape {operators.shape}"
        )
    _check_square(operators.shape[1:], "a Kraus operator")
    total = np.einsum("kji,kjl->il", operators.conj(), operators)
    error = np.abs(total - np.eye(len(total))).max()
    if error > TOLERANCE:
        raise ValueError(
            f"the Kraus operators do not preserve the trace: "
            f"the sum of K^dagger K differs from 1 by {error:.2g}"
        )
    return operators


def as_readout_matrix(matrix: ArrayLike, width: int = 1) -> NDArray[np.float64]:
    """Check a (2**k, 2**k) matrix p[prepared, read] for k qubits, whose rows sum to 1."""
    table = np.ascontiguousarray(matrix, dtype=np.float64)
    if table.shape != (1 << width, 1 << width):
        who = "one qubit" if width == 1 else f"{width} qubits"
        shape = (1 << width, 1 << width)
        raise ValueError(f"a readout error of {who} has shape {shape}, got {table.shape}")
    if not np.isfinite(table).all() or (table < 0).any():
        raise ValueError(f"readout probabilities must be finite and not negative, got {table}")
    if np.abs(table.sum(axis=1) - 1).max() > TOLERANCE:
        raise ValueError(f"the rows of a readout error must sum to 1, got {table.sum(axis=1)}")
    return table


def superoperator(kraus: ComplexArray) -> ComplexArray:
    """(d*d, d*d) matrix of the channel on vec(rho), from (K, d, d) Kraus operators."""
    dimension = kraus.shape[-1]
    flat = kraus.reshape(len(kraus), -1)
    total = (flat.conj().T @ flat).reshape((dimension,) * 4)
    return np.ascontiguousarray(total.transpose(0, 2, 1, 3).reshape(dimension**2, dimension**2))


def embed(matrix: ComplexArray, positions: Sequence[int], num_qubits: int) -> ComplexArray:
    """A matrix on the qubits ``positions`` as one on ``num_qubits`` qubits, little-endian.

    Args:
        matrix: (2**k, 2**k), or a stack (..., 2**k, 2**k).
        positions: for each qubit of the matrix, lowest first, its place among the qubits.
        num_qubits: number of qubits of the larger matrix.
    """
    if num_qubits == 2 and len(positions) == 1:
        return _embed_one_in_two(matrix, positions[0])
    rows, columns, same = _embedding(tuple(positions), num_qubits)
    return np.where(same, matrix[..., rows, columns], 0)


def _embed_one_in_two(matrix: ComplexArray, position: int) -> ComplexArray:
    """The commonest case, without tables."""
    large = np.zeros((*matrix.shape[:-2], 4, 4), np.complex128)
    zero, one = (slice(0, 2), slice(2, 4)) if position == 0 else (slice(0, 3, 2), slice(1, 4, 2))
    large[..., zero, zero] = matrix
    large[..., one, one] = matrix
    return large


@lru_cache(maxsize=256)
def _embedding(
    positions: tuple[int, ...], num_qubits: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Where the entries of an embedded matrix come from, and which of them are not zero."""
    size = 1 << num_qubits
    inside = np.zeros(size, dtype=np.intp)
    for place, position in enumerate(positions):
        inside |= ((np.arange(size) >> position) & 1) << place
    mask = sum(1 << position for position in positions)
    outside = np.arange(size) & ~mask
    same = outside[:, np.newaxis] == outside[np.newaxis, :]
    return inside[:, np.newaxis], inside[np.newaxis, :], same


@cache
def paulis(num_qubits: int) -> ComplexArray:
    """The (4**k, 2**k, 2**k) Pauli matrices on k qubits; the identity is the first."""
    single = [
        np.eye(2),
        np.array([[0, 1], [1, 0]]),
        np.array([[0, -1j], [1j, 0]]),
        np.diag([1, -1]),
    ]
    out = []
    for factors in product(single, repeat=num_qubits):
        matrix = np.eye(1, dtype=np.complex128)
        for factor in factors:
            matrix = np.kron(matrix, factor)
        out.append(matrix)
    return np.array(out)


def kraus_and_probabilities(
    superop: ComplexArray,
) -> tuple[ComplexArray, NDArray[np.float64] | None]:
    """Fewest Kraus operators of a channel, (K, d, d), largest first; do not write to them.

    Where each is sqrt(p) times a unitary, so that no weight depends on the state, their
    probabilities (K,) come with them. Channels are kept, as circuits repeat them.
    """
    return _decomposed(superop.tobytes(), len(superop))


@lru_cache(maxsize=256)
def _decomposed(data: bytes, size: int) -> tuple[ComplexArray, NDArray[np.float64] | None]:
    superop = np.frombuffer(data, np.complex128).reshape(size, size)
    num_qubits = (size.bit_length() - 1) // 2
    dimension = 1 << num_qubits
    process = _process_matrix(superop)
    if np.abs(process - np.diag(process.diagonal())).max() <= _ROUNDING:
        # A mixture of Paulis, also where some are equally likely.
        values, vectors = process.diagonal().real, np.eye(size)
    else:
        # Of unital channels on one qubit this matrix is real, and real vectors are unitaries.
        real = np.abs(process.imag).max() <= _ROUNDING
        values, vectors = np.linalg.eigh(process.real if real else process)
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > _ROUNDING]
    roots = np.sqrt(values[order])
    kraus = np.tensordot(roots[:, np.newaxis] * vectors.T[order], _quaternions(num_qubits), 1)
    products = kraus.conj().transpose(0, 2, 1) @ kraus
    mixed = values[order, np.newaxis, np.newaxis] * np.eye(dimension)
    probabilities = values[order] if np.abs(products - mixed).max() <= _UNITARY_ROUNDING else None
    return np.ascontiguousarray(kraus * _phases(kraus)), probabilities


def _phases(kraus: ComplexArray) -> ComplexArray:
    """What makes the first of the largest entries of each operator positive, (K, 1, 1).

    A channel has no phase; the state vector of a pure state shows one.
    """
    entries = kraus.reshape(len(kraus), -1)
    sizes = np.abs(entries)
    first = np.argmax(sizes > (1 - 1e-6) * sizes.max(axis=1, keepdims=True), axis=1)
    largest = entries[np.arange(len(kraus)), first]
    return np.asarray((largest.conj() / np.abs(largest))[:, np.newaxis, np.newaxis])


@cache
def _quaternions(num_qubits: int) -> ComplexArray:
    """The Pauli matrices, times i for each letter that is not the identity."""
    letters = [sum(letter != 0 for letter in word) for word in product(range(4), repeat=num_qubits)]
    phases = np.array([1, 1j, -1, -1j])[np.array(letters) % 4]
    return np.asarray(phases[:, np.newaxis, np.newaxis] * paulis(num_qubits))


def _process_matrix(superop: ComplexArray) -> ComplexArray:
    """Coefficients c of the channel sum over a, b of c[a, b] Q_a rho Q_b^dagger."""
    basis = _vectors(_quaternions((len(superop).bit_length() - 1) // 2))
    return np.asarray(basis.conj() @ _choi(superop) @ basis.T / basis.shape[1])


def transfer_matrix(kraus: ComplexArray) -> NDArray[np.float64]:
    """Pauli transfer matrix (4**k, 4**k), float64, of (K, 2**k, 2**k) Kraus operators.

    Entry (i, j) is Tr(P_i sum_k K P_j K^dagger) / 2**k, in the order of :func:`paulis`: the
    coefficients Tr(P rho) of a state are multiplied by it.
    """
    dimension = kraus.shape[-1]
    basis = _vectors(paulis(dimension.bit_length() - 1))
    product = basis.conj() @ superoperator(kraus) @ basis.T
    return np.ascontiguousarray(product.real / dimension)


def _choi(superop: ComplexArray) -> ComplexArray:
    """sum_k vec(K_k) vec(K_k)^dagger, the reshuffled superoperator."""
    d = round(len(superop) ** 0.5)
    # superop[(a, c), (b, e)] = sum_k conj(K[a, b]) K[c, e]; vec(K)[(e, c)] = K[c, e]
    blocks = superop.reshape(d, d, d, d)
    return np.ascontiguousarray(blocks.transpose(3, 1, 2, 0).reshape(d * d, d * d))


def _vectors(matrices: ComplexArray) -> ComplexArray:
    """Vec of every matrix of a stack, as rows."""
    return matrices.transpose(0, 2, 1).reshape(len(matrices), -1)


def _as_complex(value: ArrayLike | Sequence[ArrayLike], what: str) -> ComplexArray:
    try:
        array = np.ascontiguousarray(value, dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must be numeric and of one shape: {error}") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{what} must have finite entries; some are NaN or infinite")
    return array


def _check_square(shape: tuple[int, ...], what: str) -> None:
    rows, columns = shape
    if rows != columns or rows < 2 or rows & (rows - 1):
        raise ValueError(f"{what} must have shape (2**k, 2**k), got {shape}")
