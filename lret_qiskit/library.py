"""Instructions of LRET's own for Qiskit's circuits, and what turns their results into Qiskit's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix
from qiskit_aer.library.default_qubits import default_qubits
from qiskit_aer.library.save_instructions.save_data import SaveSingleData

if TYPE_CHECKING:
    from qiskit.circuit import InstructionSet

    from lret_dist import FactorHandle, LowRankState

__all__ = ["SaveLRETFactor", "save_lret_factor", "to_density_matrix"]


class SaveLRETFactor(SaveSingleData):  # type: ignore[misc]
    """Save the factor L of the state rho = L L^dagger: ``2**n * rank`` numbers instead of 4**n.

    The result's ``data()[label]`` is a :class:`~lret_dist.LowRankState` or, with ``distributed``, a
    :class:`~lret_dist.FactorHandle`, which answers the same questions.
    """

    def __init__(
        self,
        num_qubits: int,
        label: str = "lret_factor",
        distributed: bool = False,
        pershot: bool = False,
        conditional: bool = False,
    ) -> None:
        """Make the instruction.

        Args:
            num_qubits: number of qubits; all that the circuit uses.
            label: key of the result's data.
            distributed: leave L on the MPI ranks that have computed it. Nothing may be measured
                before, and the run must be without checkpoints.
            pershot: save the state of every shot.
            conditional: save one state for each value of the classical register.

        Raises:
            TypeError: for a label that is no string, or flags that are not bool.
            ValueError: for ``distributed`` with ``pershot`` or ``conditional``.
        """
        if not isinstance(distributed, bool):
            raise TypeError(f"distributed must be a bool, got {distributed!r}")
        if distributed and (pershot or conditional):
            raise ValueError(
                "a distributed factor is one for all shots: leave out pershot and conditional, or "
                "distributed"
            )
        # A parameter, so that instructions that differ in it are not equal.
        super().__init__(
            "save_lret_factor",
            num_qubits,
            label,
            pershot=pershot,
            conditional=conditional,
            params=[distributed],
        )

    @property
    def distributed(self) -> bool:
        """Whether L stays on the MPI ranks that have computed it."""
        return bool(self.params[0])


def save_lret_factor(
    self: QuantumCircuit,
    label: str = "lret_factor",
    distributed: bool = False,
    pershot: bool = False,
    conditional: bool = False,
) -> InstructionSet:
    """Save the factor L of the state of all qubits, rho = L L^dagger.

    Args:
        self: the circuit.
        label: key of the result's data, a :class:`~lret_dist.LowRankState`.
        distributed: leave L on the MPI ranks that have computed it, and save a
            :class:`~lret_dist.FactorHandle`.
        pershot: save the state of every shot.
        conditional: save one state for each value of the classical register.

    Raises:
        TypeError: for a label that is no string, or flags that are not bool.
        ValueError: for a circuit without qubits, or ``distributed`` with one of the last two.
    """
    qubits = default_qubits(self)
    instruction = SaveLRETFactor(len(qubits), label, distributed, pershot, conditional)
    return self.append(instruction, qubits)


QuantumCircuit.save_lret_factor = save_lret_factor


def to_density_matrix(state: LowRankState | FactorHandle) -> DensityMatrix:
    """Qiskit's whole density matrix of a state; it takes 4**n numbers.

    Args:
        state: the state.
    """
    return DensityMatrix(state.density_matrix(range(state.num_qubits)))
