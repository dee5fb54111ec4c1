"""Noise bound to instructions: which channels act when a gate of some name acts on some qubits.

The rules are those of Qiskit Aer's noise models, so that an imported model means the same here.
An instruction with a label is matched by it, any other by its name. An error given for exactly
these qubits, in this order, replaces the default for the name. Errors act after the instruction,
on a measurement before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, get_args

from lret_dist.circuits.circuit import Barrier, Measure
from lret_dist.circuits.control_flow import CONTROL_FLOW, Misread
from lret_dist.circuits.error_term import ErrorTerm
from lret_dist.circuits.noise_document import (
    FORMAT,
    VERSION,
    check_header,
    read_errors,
    read_readout,
    write_errors,
    write_readout,
)
from lret_dist.circuits.saves import Save
from lret_dist.files.plain_data import Node, naming, read_json, write_json
from lret_dist.numerics.channels import as_readout_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from os import PathLike
    from typing import Self

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from lret_dist.circuits.circuit import Circuit, Operation

__all__ = ["NOISELESS", "PART", "ErrorTerm", "NoiseModel", "takes_noise"]

#: Name of the gates that one gate is made of which is too wide for a matrix.
PART = "part of a gate"
#: Instructions that no model adds noise to, whatever their label: what is written into a circuit as
#: a channel is what it is.
NOISELESS = frozenset(
    {"barrier", "global_phase", "kraus", "pauli", "quantum_channel", "superop", PART}
)

#: Operations that are none of a device.
_BOOKKEEPING = (Barrier, *get_args(Save), *CONTROL_FLOW)


@dataclass
class NoiseModel:
    """Errors by instruction name and qubits, and readout errors by qubit.

    Attributes:
        errors: terms by (name or label, ordered qubits); ``None`` for the qubits means any.
        readout: (2, 2) matrices p[prepared, read] by qubit; ``None`` means any qubit. For several
            qubits that one instruction measures, (2**k, 2**k) matrices by the tuple of them, the
            first qubit the lowest bit.
    """

    errors: dict[tuple[str, tuple[int, ...] | None], list[ErrorTerm]] = field(default_factory=dict)
    readout: dict[int | tuple[int, ...] | None, NDArray[np.float64]] = field(default_factory=dict)

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

    def add_readout_error(
        self, matrix: ArrayLike, qubit: int | tuple[int, ...] | None = None
    ) -> NoiseModel:
        """Set p[prepared, read], rows summing to 1, of one qubit (default: of any).

        A tuple of qubits means one instruction that measures exactly these, in this order.
        """
        width = len(qubit) if isinstance(qubit, tuple) else 1
        self.readout[qubit] = as_readout_matrix(matrix, width)
        return self

    @property
    def instruction_names(self) -> frozenset[str]:
        """Every name or label that an error is given for."""
        return frozenset(name for name, _ in self.errors)

    def terms_for(self, operation: Operation) -> list[ErrorTerm]:
        """Error terms of one operation: those for its qubits, else those for any qubits."""
        if not takes_noise(operation):
            return []
        name = operation.label or operation.name
        found = self.errors.get((name, operation.qubits))
        return self.errors.get((name, None), []) if found is None else found

    def readout_for(self, qubit: int) -> NDArray[np.float64] | None:
        """(2, 2) readout matrix p[prepared, read] of a qubit, or None where reading is perfect."""
        return self.readout.get(qubit, self.readout.get(None))

    def bind(self, circuit: Circuit) -> Circuit:
        """The circuit with a :class:`Channel` for every error, and readout on its measurements."""
        bound = circuit.emptied()
        made: dict[tuple[str, str | None, tuple[int, ...]], list[Operation]] = {}
        for operation in circuit:
            key = (operation.name, operation.label, operation.qubits)
            if key not in made:
                made[key] = [term.on(operation) for term in self.terms_for(operation)]
            noise = made[key]
            if isinstance(operation, Measure) and operation.together:
                parts: list[Operation] = self._measured_together(operation, noise)
            elif isinstance(operation, Measure):
                parts = [*noise, self._as_read(operation)]
            else:
                parts = [operation, *noise]
            for part in parts:
                bound.append(part)
        return bound

    def _measured_together(self, measure: Measure, noise: list[Operation]) -> list[Operation]:
        """One of several qubits that an instruction measures, with the errors of all of them."""
        qubits, clbits = zip(*measure.together, strict=True)
        first, last = measure.qubit == qubits[0], measure.qubit == qubits[-1]
        terms = self.errors.get((measure.label or measure.name, qubits))
        if terms is not None:
            whole = Barrier(qubits, measure.name)
            noise = [term.on(whole) for term in terms] if first else []
        readout = self.readout.get(qubits)
        if readout is None:
            return [*noise, self._as_read(measure)]
        return [*noise, measure, *([Misread(clbits, readout)] if last else [])]

    def _as_read(self, measure: Measure) -> Measure:
        """A measurement with the model's readout error after its own."""
        readout = self.readout_for(measure.qubit)
        if readout is None:
            return measure
        return replace(
            measure, readout=readout if measure.readout is None else measure.readout @ readout
        )

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data: dictionaries, lists, strings and numbers.

        All Kraus operators are made for it, those included that no circuit has needed yet.
        The page "Noise models" of the documentation describes the document.
        """
        return {
            "format": FORMAT,
            "version": VERSION,
            "errors": write_errors(self.errors),
            "readout_errors": write_readout(self.readout),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The model that :meth:`to_dict` has written, or somebody by hand.

        Raises:
            ValueError: saying where the document is wrong, as in ``errors[3].channels[0].kraus:
                the Kraus operators do not preserve the trace``.
        """
        required, optional = ("format", "version"), ("errors", "readout_errors")
        fields = Node(document).fields(required, (*optional, *cls._more_fields()))
        check_header(fields)
        return cls._read(fields)

    def to_json(self, target: str | PathLike[str] | IO[str] | IO[bytes]) -> None:
        """Write the model to a JSON file, given by its path or open; numbers are kept exactly.

        Raises:
            TypeError: for anything but a path or an open file.
            OSError: for a file that cannot be written.
        """
        write_json(self.to_dict(), target)

    @classmethod
    def from_json(cls, source: str | PathLike[str] | IO[str] | IO[bytes]) -> Self:
        """Read a model from a JSON file, given by its path or open.

        Raises:
            TypeError: for anything but a path or an open file.
            ValueError: as of :meth:`from_dict`, or for text that is no JSON.
            OSError: for a file that cannot be read.
        """
        with naming(source):
            return cls.from_dict(read_json(source))

    @classmethod
    def _more_fields(cls) -> tuple[str, ...]:
        """Keys of the document that subclasses know beside the model's own."""
        return ()

    @classmethod
    def _read(cls, fields: Mapping[str, Node]) -> Self:
        return cls(
            errors=read_errors(fields["errors"]) if "errors" in fields else {},
            readout=read_readout(fields["readout_errors"]) if "readout_errors" in fields else {},
        )


def takes_noise(operation: Operation) -> bool:
    """Whether a model may add noise to an operation."""
    return operation.name not in NOISELESS and not isinstance(operation, _BOOKKEEPING)
