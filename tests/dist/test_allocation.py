"""What is asked of a cluster for a run."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lret_dist import Circuit, InsufficientMemoryError, NoiseModel, SimulationOptions
from lret_dist.machines.slurm_nodes import Nodes
from lret_dist.planning.allocation import Allocation, choose_allocation
from lret_dist.planning.jobs import SimulationRequest

NODES = Nodes(number=64, cores=64, memory_bytes=256 << 30, sockets=2)


def brick_wall(qubits: int, layers: int, rate: float, **options: object) -> SimulationRequest:
    circuit = Circuit(qubits)
    for layer in range(layers):
        for qubit in range(qubits):
            circuit = circuit.gate("rx", [qubit], 0.3 + layer)
        for qubit in range(layer % 2, qubits - 1, 2):
            circuit = circuit.gate("cx", [qubit, qubit + 1])
    noise = NoiseModel()
    if rate:
        noise.add_error(bit_flips(rate), "cx")
    options = {"shots": 100, "truncation": "certified", **options}
    return SimulationRequest(
        circuit=circuit.measure_all(), noise=noise, options=SimulationOptions(**options)
    )


def bit_flips(rate: float) -> NDArray[np.complex128]:
    """Kraus operators of flips of one qubit, of the other, and of both."""
    one = np.eye(2), np.eye(2)[::-1]
    weights = [1 - rate, rate / 3, rate / 3, rate / 3]
    operators = [np.kron(first, second) for first in one for second in one]
    return np.sqrt(weights)[:, None, None] * np.array(operators, dtype=np.complex128)


def shape(allocation: Allocation) -> tuple[int, int, int]:
    return allocation.nodes, allocation.tasks_per_node, allocation.cpus_per_task


def test_a_short_run_takes_one_core() -> None:
    allocation = choose_allocation(brick_wall(5, 3, 1e-3), NODES, 64)
    assert shape(allocation) == (1, 1, 1)
    assert allocation.seconds == 360
    # Python alone takes 300 MiB.
    assert allocation.memory_per_node == 400 << 20


def test_a_long_run_takes_more_cores_for_as_long_as_that_pays() -> None:
    long = choose_allocation(brick_wall(22, 40, 1e-2), NODES, 64)
    assert long.cpus_per_task > 1
    assert long.forecast.fits()
    least = 3 * long.forecast.prediction.seconds + 300
    assert least <= long.seconds < least + 60
    expected = long.forecast.prediction.memory_bytes * long.tasks_per_node
    assert expected < long.memory_per_node <= NODES.memory_bytes


def test_what_one_node_does_not_hold_takes_several() -> None:
    request = brick_wall(34, 2, 0, precision="double")
    allocation = choose_allocation(request, NODES, 64)
    assert allocation.nodes > 1
    assert allocation.nodes & (allocation.nodes - 1) == 0
    assert allocation.tasks_per_node == 2
    assert allocation.cpus_per_task == 32
    assert allocation.forecast.fits()
    with pytest.raises(InsufficientMemoryError, match="no part of the cluster holds the run"):
        choose_allocation(request, NODES, 1)


def test_never_more_nodes_than_there_are() -> None:
    few = Nodes(number=2, cores=4, memory_bytes=4 << 30)
    allocation = choose_allocation(brick_wall(22, 20, 1e-2), few, 64)
    assert allocation.nodes <= 2
    assert allocation.memory_per_node <= few.memory_bytes


@pytest.mark.parametrize(("cores", "sockets"), [(1, 1), (6, 2), (2, 2), (96, 8), (12, 3)])
def test_tasks_fit_on_the_cores(cores: int, sockets: int) -> None:
    nodes = Nodes(number=8, cores=cores, memory_bytes=8 << 30, sockets=sockets)
    allocation = choose_allocation(brick_wall(20, 60, 1e-2), nodes, 8)
    assert allocation.tasks_per_node * allocation.cpus_per_task <= cores
    assert allocation.tasks & (allocation.tasks - 1) == 0
