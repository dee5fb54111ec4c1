"""Matrices of the standard gates by name, for circuits written without Qiskit.

Names, parameters and qubit order are Qiskit's: controls first, little-endian. Angles in radians.
"""

from __future__ import annotations

import cmath
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["gate_matrix", "gate_names"]

_ROOT_HALF = math.sqrt(0.5)
_X = np.array([[0, 1], [1, 0]], dtype=np.complex128)
_Y = np.array([[0, -1j], [1j, 0]], dtype=np.complex128)
_Z = np.diag([1, -1]).astype(np.complex128)
_H = np.array([[_ROOT_HALF, _ROOT_HALF], [_ROOT_HALF, -_ROOT_HALF]], dtype=np.complex128)
_SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]], dtype=np.complex128) / 2
_SWAP = np.eye(4, dtype=np.complex128)[[0, 2, 1, 3]]


def _phase(angle: float) -> NDArray[np.complex128]:
    return np.diag([1, cmath.exp(1j * angle)])


def _u(theta: float, phi: float, lam: float) -> NDArray[np.complex128]:
    cos, sin = math.cos(theta / 2), math.sin(theta / 2)
    return np.array(
        [
            [cos, -cmath.exp(1j * lam) * sin],
            [cmath.exp(1j * phi) * sin, cmath.exp(1j * (phi + lam)) * cos],
        ]
    )


def _rotation(generator: NDArray[np.complex128], angle: float) -> NDArray[np.complex128]:
    """exp(-i angle/2 G) for a generator with G^2 = 1."""
    identity = np.eye(len(generator), dtype=np.complex128)
    return math.cos(angle / 2) * identity - 1j * math.sin(angle / 2) * generator


def _twice(matrix: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return np.kron(matrix, matrix).astype(np.complex128)


def _controlled(matrix: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The control is the first qubit, so rows with an odd index hold ``matrix``."""
    size = 2 * len(matrix)
    out = np.eye(size, dtype=np.complex128)
    out[1::2, 1::2] = matrix
    return out


_FIXED: dict[str, NDArray[np.complex128]] = {
    "id": np.eye(2, dtype=np.complex128),
    "x": _X,
    "y": _Y,
    "z": _Z,
    "h": _H,
    "s": _phase(math.pi / 2),
    "sdg": _phase(-math.pi / 2),
    "t": _phase(math.pi / 4),
    "tdg": _phase(-math.pi / 4),
    "sx": _SX,
    "sxdg": _SX.conj().T.copy(),
    "cx": _controlled(_X),
    "cy": _controlled(_Y),
    "cz": _controlled(_Z),
    "ch": _controlled(_H),
    "swap": _SWAP,
    "iswap": np.diag([1, 1j, 1j, 1])[[0, 2, 1, 3]],
    "ccx": _controlled(_controlled(_X)),
    "ccz": _controlled(_controlled(_Z)),
    "cswap": _controlled(_SWAP),
}

_PARAMETRIC: dict[str, tuple[int, Callable[..., NDArray[np.complex128]]]] = {
    "p": (1, _phase),
    "rx": (1, lambda angle: _rotation(_X, angle)),
    "ry": (1, lambda angle: _rotation(_Y, angle)),
    "rz": (1, lambda angle: _rotation(_Z, angle)),
    "u": (3, _u),
    "cp": (1, lambda angle: _controlled(_phase(angle))),
    "crx": (1, lambda angle: _controlled(_rotation(_X, angle))),
    "cry": (1, lambda angle: _controlled(_rotation(_Y, angle))),
    "crz": (1, lambda angle: _controlled(_rotation(_Z, angle))),
    "rxx": (1, lambda angle: _rotation(_twice(_X), angle)),
    "ryy": (1, lambda angle: _rotation(_twice(_Y), angle)),
    "rzz": (1, lambda angle: _rotation(_twice(_Z), angle)),
}


def gate_names() -> list[str]:
    """Names that :func:`gate_matrix` knows, sorted."""
    return sorted([*_FIXED, *_PARAMETRIC])


def gate_matrix(name: str, params: Sequence[float] = ()) -> NDArray[np.complex128]:
    """Unitary of a standard gate, shape (2**k, 2**k) complex128.

    Raises:
        ValueError: for an unknown name, a wrong number of parameters, or one that is not finite.
    """
    wanted, build = _lookup(name)
    if len(params) != wanted:
        raise ValueError(f"gate {name!r} takes {wanted} parameters, got {len(params)}")
    for value in params:
        if not math.isfinite(value):
            raise ValueError(f"gate {name!r} needs finite parameters, got {value}")
    return np.ascontiguousarray(build(*params), dtype=np.complex128)


def _lookup(name: str) -> tuple[int, Callable[..., NDArray[np.complex128]]]:
    if name in _FIXED:
        return 0, _FIXED[name].copy
    try:
        return _PARAMETRIC[name]
    except KeyError:
        raise ValueError(f"unknown gate {name!r}; known gates: {', '.join(gate_names())}") from None
