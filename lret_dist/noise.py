"""Noise bound to instructions: which channels act when a gate of some name acts on some qubits.

The rules are those of Qiskit Aer's noise models, so that an imported model means the same here.
An instruction with a label is matched by it, any other by its name. An error given for exactly
these qubits, in this order, replaces the default for the name. Errors act after the instruction,
on a measurement before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from lret_dist.channels import as_kraus, as_readout_matrix
from lret_dist.circuit import Barrier, Channel, Circuit, Measure, Operation, Save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["NOISELESS", "ErrorTerm", "NoiseModel"]

#: Instructions that no model adds noise to, whatever their label: what is written into a circuit as
#: a channel is what it is.
NOISELESS = frozenset({"barrier", "kraus", "pauli", "quantum_channel", "superop"})


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

    def on(self, operation: Operation) -> Channel:
        """The channel that acts when an instruction acts on its qubits.

        Raises:
            ValueError: for a channel on more qubits than the instruction has.
        """
        qubits = operation.qubits if self.qubits is None else self.qubits
        width = self.kraus.shape[-1].bit_length() - 1
        if self.qubits is None and self.positions is not None:
            width = 1 + max(self.positions)
        if width > len(qubits):
            raise ValueError(
                f"the noise on {(operation.label or operation.name)!r} acts on {width} qubits, "
                f"the instruction on {len(qubits)}"
            )
        if self.qubits is None and self.positions is not None:
            qubits = tuple(operation.qubits[p] for p in self.positions)
        return Channel(qubits, self.kraus, "noise")


@dataclass
class NoiseModel:
    """Errors by instruction name and qubits, and readout errors by qubit.

    Attributes:
        errors: terms by (name or label, ordered qubits); ``None`` for the qubits means any.
        readout: (2, 2) matrices p[prepared, read] by qubit; ``None`` means any qubit.
    """

    errors: dict[tuple[str, tuple[int, ...] | None], list[ErrorTerm]] = field(default_factory=dict)
    readout: dict[int | None, NDArray[np.float64]] = field(default_factory=dict)

    def add_error(
        self,
        kraus: ArrayLike | Callable[[], ArrayLike],
        instructions: str | Iterable[str],
        qubits: Iterable[int] | None = None,
        *,
        noise_qubits: Iterable[int] | None = None,
    ) -> NoiseModel:
        """Add a channel to instructions, after those that they already have.

        Args:
            kraus: (K, 2**k, 2**k) Kraus operators, or a function that makes them when needed.
            instructions: one name or label, or several.
            qubits: the exact ordered qubits of the instruction; default: any.
            noise_qubits: the qubits that the channel acts on, if not the instruction's.
        """
        names = [instructions] if isinstance(instructions, str) else list(instructions)
        key_qubits = None if qubits is None else tuple(qubits)
        target = None if noise_qubits is None else tuple(noise_qubits)
        for name in names:
            self.errors.setdefault((name, key_qubits), []).append(ErrorTerm(kraus, qubits=target))
        return self

    def add_readout_error(self, matrix: ArrayLike, qubit: int | None = None) -> NoiseModel:
        """Set p[prepared, read], rows summing to 1, of one qubit (default: of any)."""
        self.readout[qubit] = as_readout_matrix(matrix)
        return self

    @property
    def instruction_names(self) -> frozenset[str]:
        """Every name or label that an error is given for."""
        return frozenset(name for name, _ in self.errors)

    def terms_for(self, operation: Operation) -> list[ErrorTerm]:
        """Error terms of one operation: those for its qubits, else those for any qubits."""
        if operation.name in NOISELESS or isinstance(operation, Barrier | Save):
            return []
        name = operation.label or operation.name
        found = self.errors.get((name, operation.qubits))
        return self.errors.get((name, None), []) if found is None else found

    def readout_for(self, qubit: int) -> NDArray[np.float64] | None:
        """(2, 2) readout matrix p[prepared, read] of a qubit, or None where reading is perfect."""
        return self.readout.get(qubit, self.readout.get(None))

    def bind(self, circuit: Circuit) -> Circuit:
        """The circuit with a :class:`Channel` for every error, and readout on its measurements."""
        bound = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
        made: dict[tuple[str, str | None, tuple[int, ...]], list[Operation]] = {}
        for operation in circuit:
            key = (operation.name, operation.label, operation.qubits)
            if key not in made:
                made[key] = [term.on(operation) for term in self.terms_for(operation)]
            noise = made[key]
            if isinstance(operation, Measure):
                parts: list[Operation] = [
                    *noise,
                    replace(operation, readout=self.readout_for(operation.qubit)),
                ]
            else:
                parts = [operation, *noise]
            for part in parts:
                bound.append(part)
        return bound
