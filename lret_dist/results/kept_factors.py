"""Factors that stay on the MPI ranks that have computed them, until somebody lets them go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lret_dist.circuits.circuit import Measure
from lret_dist.circuits.saves import SaveFactor
from lret_dist.factors.compression import Cut, compress
from lret_dist.factors.state import State
from lret_dist.grid.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lret_dist.circuits.circuit import Circuit, Operation
    from lret_dist.density.density_state import DensityState
    from lret_dist.grid.process_grid import ProcessGrid

__all__ = ["KeptFactor", "check_factor_saves", "keep", "kept_saves"]


@dataclass(frozen=True)
class KeptFactor:
    """Where a kept factor is found again.

    Attributes:
        number: its number on the shelf of every MPI rank of the grid.
        grid: the process grid that holds it.
        num_qubits: number of qubits.
        rank: number of columns.
        bytes_per_rank: bytes of the largest part that an MPI rank holds.
    """

    number: int
    grid: ProcessGrid
    num_qubits: int
    rank: int
    bytes_per_rank: int


def keep(given: State | DensityState, qubits: Sequence[int]) -> KeptFactor:
    """Put a copy of a state, normalised, on the shelf of its process grid; collective.

    Columns that are more than the rows are replaced by as many.

    Args:
        given: the state.
        qubits: all its qubits, in the order of their numbers in the copy.
    """
    state = given.copy() if isinstance(given, State) else _factor_of(given)
    layout, comm, num_qubits = state.layout, state.comm, len(qubits)
    state.layout = Layout.of(layout.bits(qubits), num_qubits - layout.local_bits)
    state.layout.flipped = layout.flipped
    if state.rank() > 1 << num_qubits:
        compress(state.factor, comm, Cut(0.0, 1 << num_qubits), num_qubits)
    trace = state.trace()
    block = state.factor.block
    block *= block.dtype.type(trace**-0.5)
    state.factor.weights /= trace
    size = max(comm.gather_objects_everywhere(state.factor.nbytes))
    number = comm.shelf.put(state, size)
    return KeptFactor(number, comm.grid, num_qubits, state.rank(), size)


def _factor_of(density: DensityState) -> State:
    """The factor of a density matrix, on its grid; collective.

    Cost: about 20 * 8**n flops on the driver, and 4**n numbers on every MPI rank.
    """
    comm, num_qubits = density.comm, density.num_qubits
    dtype = np.result_type(density.vector.dtype, np.complex64)
    found = density.columns(range(num_qubits))
    rank = np.array([0 if found is None else found.shape[1]])
    comm.broadcast(rank)
    columns = np.empty((1 << num_qubits, rank[0]), np.complex128) if found is None else found
    comm.broadcast(columns)
    return State.prepare(num_qubits, comm, dtype, columns, columns.shape[1])


def kept_saves(operations: Iterable[Operation]) -> list[SaveFactor]:
    """The operations that keep a factor where it is."""
    return [each for each in operations if isinstance(each, SaveFactor) and each.distributed]


def check_factor_saves(circuit: Circuit, *, checkpoints: bool) -> None:
    """Check that factors are saved whole, and that those to be kept are kept once.

    Args:
        circuit: without idle qubits.
        checkpoints: whether the run writes any.

    Raises:
        ValueError: saying which save is not possible, and why.
    """
    for each in circuit:
        if isinstance(each, SaveFactor) and len(each.qubits) != circuit.num_qubits:
            raise ValueError(
                f"{each.name!r} acts on {len(each.qubits)} of the {circuit.num_qubits} qubits in "
                f"use; it must act on all"
            )
    if not (kept := kept_saves(circuit)):
        return
    if (reason := _not_kept(circuit, kept, checkpoints=checkpoints)) is not None:
        raise ValueError(
            f"the factor {kept[0].key!r} cannot stay on the MPI ranks: {reason}; save it with "
            f"distributed=False"
        )


def _not_kept(circuit: Circuit, kept: Sequence[SaveFactor], *, checkpoints: bool) -> str | None:
    """Why factors cannot be kept, or None."""
    operations = list(circuit)
    last = max(operations.index(each) for each in kept)
    if checkpoints:
        return "a checkpoint cannot hold it"
    if any(each.subtype != "single" for each in kept):
        return "shots cannot have one each"
    if len({each.key for each in kept}) < len(kept):
        return "several are saved under one key"
    if circuit.is_dynamic or any(isinstance(each, Measure) for each in operations[:last]):
        return "measured outcomes come before it, and each would have a factor of its own"
    return None
