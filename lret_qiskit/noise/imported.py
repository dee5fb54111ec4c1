"""A noise model that came from Qiskit Aer or a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lret_dist import NoiseModel
from lret_qiskit.noise.relaxation import read_passes, write_passes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from qiskit.transpiler import TransformationPass

    from lret_dist.files.plain_data import Node

__all__ = ["ImportedNoiseModel"]

_MAX_GATES = 10_000


@dataclass
class ImportedNoiseModel(NoiseModel):
    """A noise model of Qiskit Aer.

    Attributes:
        passes: the model's noise passes, such as the relaxation of qubits during delays. They
            act on Qiskit's circuits, before translation.
        basis_gates: gates that the model is made for; None stands for all.
    """

    passes: tuple[TransformationPass, ...] = ()
    basis_gates: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data, with its passes.

        Raises:
            ValueError: for a noise pass other than a ``RelaxationNoisePass``, which cannot be kept.
        """
        document = super().to_dict()
        if self.basis_gates is not None:
            document["basis_gates"] = list(self.basis_gates)
        if self.passes:
            document["passes"] = write_passes(self.passes)
        return document

    @classmethod
    def _more_fields(cls) -> tuple[str, ...]:
        return ("basis_gates", "passes")

    @classmethod
    def _read(cls, fields: Mapping[str, Node]) -> Self:
        model = super()._read(fields)
        if "basis_gates" in fields:
            names = fields["basis_gates"].items(most=_MAX_GATES)
            model.basis_gates = tuple(name.text() for name in names)
        if "passes" in fields:
            model.passes = read_passes(fields["passes"])
        return model
