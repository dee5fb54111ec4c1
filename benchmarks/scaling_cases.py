"""The noisy circuits of scaling_test.py, and how one of them is run on the MPI ranks of a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lret_dist import Circuit, NoiseModel
from lret_dist.numerics.channels import paulis

SEED = 34
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A circuit and the options of its runs.

    Attributes:
        kind: name of the circuit's function in this module.
        size: its qubits and layers.
        noise: weight of the errors after a two-qubit gate; a tenth of it after others.
        options: of the simulator.
        partitions: that are measured.
    """

    kind: str
    size: tuple[int, int]
    noise: float
    options: Row = field(default_factory=dict)
    partitions: tuple[str, ...] = ("row", "column", "hybrid", "auto")

    def circuit(self) -> Circuit:
        """The circuit with its noise."""
        made: Circuit = _KINDS[self.kind](*self.size)
        return _noise(self.noise).bind(made)

    def all_options(self) -> Row:
        """Options of a run: certified, without shots, unless the case says otherwise."""
        return {"truncation": "certified", "shots": 0, "seed": SEED} | self.options


def brick_wall(qubits: int, layers: int) -> Circuit:
    """RX and RZ on all qubits, then CX on neighbours, shifted by one from layer to layer."""
    rng = np.random.default_rng(SEED)
    circuit = Circuit(qubits, qubits)
    for layer in range(layers):
        for qubit in range(qubits):
            circuit.gate("rx", [qubit], rng.uniform(0, 2 * np.pi))
            circuit.gate("rz", [qubit], rng.uniform(0, 2 * np.pi))
        for qubit in range(layer % 2, qubits - 1, 2):
            circuit.gate("cx", [qubit, qubit + 1])
    return circuit


def variational(qubits: int, layers: int) -> Circuit:
    """RY on all qubits, then CZ around a ring."""
    rng = np.random.default_rng(SEED)
    circuit = Circuit(qubits, qubits)
    for _ in range(layers):
        for qubit in range(qubits):
            circuit.gate("ry", [qubit], rng.uniform(0, 2 * np.pi))
        for qubit in range(qubits):
            circuit.gate("cz", [qubit, (qubit + 1) % qubits])
    return circuit


def _noise(weight: float) -> NoiseModel:
    model = NoiseModel().add_error(_depolarizing(1, weight / 10), ["rx", "ry", "rz"])
    return model.add_error(_depolarizing(2, weight), ["cx", "cz"])


def _depolarizing(qubits: int, weight: float) -> np.ndarray[Any, Any]:
    probabilities = np.full(4**qubits, weight / 4**qubits)
    probabilities[0] += 1 - weight
    return np.sqrt(probabilities)[:, np.newaxis, np.newaxis] * paulis(qubits)


_KINDS = {"brick wall": brick_wall, "variational": variational}

STRONG = {
    "brick wall, 16 qubits": Case("brick wall", (16, 8), 1e-3, {"epsilon": 3e-2}),
    "brick wall, 17 qubits": Case("brick wall", (17, 8), 1e-3, {"epsilon": 5e-2}),
    "variational, 16 qubits": Case("variational", (16, 5), 1e-3, {"epsilon": 2e-2}),
    "sampled, 16 qubits": Case(
        "brick wall",
        (16, 8),
        1e-2,
        {"truncation": "unbiased", "resolution": 3e-4},
        ("column", "auto"),
    ),
    "density matrix, 12 qubits": Case(
        "brick wall", (12, 12), 1e-2, {"method": "density_matrix"}, ("row", "auto")
    ),
}
#: Small enough for a test, or a look.
QUICK = {
    "brick wall, 12 qubits": Case("brick wall", (12, 8), 1e-3, {"epsilon": 3e-2}),
    "sampled, 12 qubits": Case(
        "brick wall",
        (12, 6),
        1e-2,
        {"truncation": "unbiased", "resolution": 1e-3},
        ("column", "auto"),
    ),
}
#: A circuit for a cluster, and the memory of each of its MPI ranks.
CLUSTER = Case("brick wall", (32, 16), 2e-4, {"epsilon": 5e-2})
CLUSTER_MEMORY = "64GiB"


def weak(mpi_ranks: int, qubits: int) -> Case:
    """Rows in proportion to the MPI ranks, and as much noise in all, so that the rank stays."""
    more = mpi_ranks.bit_length() - 1
    noise = 1e-3 * qubits / (qubits + more)
    options = {"epsilon": 3e-2, "method": "low_rank"}
    return Case("brick wall", (qubits + more, 8), noise, options, ("row",))


def memory(qubits: int) -> Case:
    """A factor of a gibibyte on 19 qubits."""
    options = {"epsilon": 3e-2, "method": "low_rank"}
    return Case("brick wall", (qubits, 5), 1e-3 * 16 / qubits, options, ("row", "column"))
