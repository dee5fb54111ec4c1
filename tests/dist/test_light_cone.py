"""Only what a result can show is simulated."""

import numpy as np
import pytest
from dense_reference import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from random_circuits import random_circuit

from lret_dist import Circuit, simulate
from lret_dist.circuits.light_cone import visible_part


def names(circuit: Circuit) -> list[str]:
    return [operation.name for operation in circuit]


def test_what_is_outside_of_the_cone_goes() -> None:
    circuit = Circuit(3, 1).gate("x", [0]).gate("h", [1]).gate("cx", [1, 2]).gate("z", [2])
    circuit.barrier().measure(0, 0).gate("y", [0])
    assert names(visible_part(circuit)) == ["x", "barrier", "measure"]
    result = simulate(circuit, shots=5)
    assert result.counts() == {1: 5}
    assert result.metadata.active_input_qubits == [0]


def test_gates_spread_the_cone() -> None:
    circuit = Circuit(3).gate("x", [0]).gate("cx", [0, 1]).gate("h", [2]).gate("cx", [1, 2])
    circuit.gate("s", [1]).save_probabilities([2])
    assert names(visible_part(circuit)) == ["x", "cx", "h", "cx", "save_probabilities"]


@pytest.mark.parametrize(
    "circuit",
    [
        Circuit(2).gate("x", [0]),
        Circuit(2, 1).jump("end").gate("x", [0]).mark("end").measure(1, 0),
    ],
)
def test_nothing_goes_where_nothing_is_shown_or_jumps_decide(circuit: Circuit) -> None:
    assert visible_part(circuit) is circuit


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_reduced_states_stay_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, 5, 12)
    qubits = [int(qubit) for qubit in rng.permutation(5)[: rng.integers(1, 3)]]
    circuit.save_density_matrix(qubits, key="rho")
    found = simulate(circuit, shots=0, epsilon=0).data["rho"]
    np.testing.assert_allclose(found, evolve(circuit).data["rho"], atol=1e-10)
