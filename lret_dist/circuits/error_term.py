"""One channel of an error, and the qubits that it acts on."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lret_dist.circuits.circuit import Channel
from lret_dist.numerics.channels import as_kraus

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from lret_dist.circuits.circuit import Operation

__all__ = ["ErrorTerm"]


class ErrorTerm:
    """One channel of an error, with the qubits that it acts on.

    Attributes:
        positions: for each qubit of the channel, its position among the instruction's qubits.
        qubits: the channel's own qubits, where they do not follow from the instruction's.
    """

    def __init__(
        self,
        kraus: ArrayLike | Callable[[], ArrayLike],
        positions: tuple[int, ...] | None = None,
        qubits: tuple[int, ...] | None = None,
    ) -> None:
        """Take (K, 2**k, 2**k) Kraus operators, or a function that makes them when first needed."""
        self._source = kraus
        self.positions = positions
        self.qubits = qubits

    @cached_property
    def kraus(self) -> NDArray[np.complex128]:
        """(K, 2**k, 2**k) Kraus operators."""
        return as_kraus(self._source() if callable(self._source) else self._source)

    @property
    def width(self) -> int:
        """Number of qubits that the channel acts on."""
        dimension: int = self.kraus.shape[-1]
        return dimension.bit_length() - 1

    def on(self, operation: Operation) -> Channel:
        """The channel that acts when an instruction acts on its qubits.

        Raises:
            ValueError: for a channel that does not fit the instruction, or the qubits that it was
                given for.
        """
        qubits = self._qubits_at(operation)
        if len(qubits) != self.width:
            raise ValueError(
                f"the noise on {_name(operation)!r} acts on {self.width} qubits, "
                f"it is given for {len(qubits)}: {qubits}"
            )
        return Channel(qubits, self.kraus, "noise")

    def _qubits_at(self, operation: Operation) -> tuple[int, ...]:
        if self.qubits is not None:
            return self.qubits
        places = range(self.width) if self.positions is None else self.positions
        width = 1 + max(places, default=-1)
        exact = self.positions is None
        if width > len(operation.qubits) or (exact and width < len(operation.qubits)):
            raise ValueError(
                f"the noise on {_name(operation)!r} acts on {width} qubits, "
                f"the instruction on {len(operation.qubits)}"
            )
        return tuple(operation.qubits[place] for place in places)


def _name(operation: Operation) -> str:
    return operation.label or operation.name
