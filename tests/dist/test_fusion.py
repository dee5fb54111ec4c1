from __future__ import annotations

import numpy as np
import pytest
from dense_reference import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from random_circuits import (
    brick_wall,
    brick_wall_noise,
    random_circuit,
    random_kraus,
    random_unitary,
)

from lret_dist import Channel, Circuit, Gate, simulate
from lret_dist.programs.fusion import fuse
from lret_dist.programs.program import ChannelStep, MeasureStep, Program, SaveStep, UnitaryStep


def as_circuit(program: Program) -> Circuit:
    """The steps of a program as operations again."""
    circuit = Circuit(program.num_qubits)
    for step in program.steps:
        if isinstance(step, UnitaryStep):
            circuit.append(Gate("unitary", step.qubits, step.operator.matrix))
        elif isinstance(step, ChannelStep):
            circuit.append(Channel(step.qubits, step.kraus))
        elif isinstance(step, SaveStep):
            circuit.append(step.save)
    return circuit


@given(seed=st.integers(0, 2**32), num_qubits=st.integers(1, 4))
@settings(max_examples=40)
def test_fusion_does_not_change_the_state(seed: int, num_qubits: int) -> None:
    circuit = random_circuit(np.random.default_rng(seed), num_qubits, 15)
    fused = as_circuit(fuse(circuit.save_density_matrix(key="rho")))
    data, exact = evolve(fused).data, evolve(circuit).data
    np.testing.assert_allclose(data["rho"], exact["rho"], rtol=0, atol=1e-12)


def test_one_qubit_gates_and_noise_disappear_into_two_qubit_channels() -> None:
    circuit = brick_wall_noise(1e-4, 1e-3).bind(brick_wall(8, 6))
    program = fuse(circuit)
    pairs = [step for step in program.steps if len(step.qubits) == 2]
    assert len(pairs) == sum(op.name == "cx" for op in circuit)
    # The qubits at the two ends are left alone in every second layer.
    assert len(program.steps) - len(pairs) <= 2
    assert all(isinstance(step, ChannelStep) and len(step.kraus) == 16 for step in pairs)


def test_depolarizing_noise_stays_a_mixture_of_unitaries() -> None:
    steps = fuse(brick_wall_noise(1e-4, 1e-3).bind(brick_wall(6, 5))).steps
    assert all(isinstance(step, ChannelStep) for step in steps)
    mixtures = [step for step in steps if step.probabilities is not None]
    # The first layer's one-qubit noise goes through a CX and is then turned by the next layer.
    assert len(steps) - len(mixtures) <= 3
    for step in mixtures:
        assert step.probabilities is not None
        for probability, operator in zip(step.probabilities, step.kraus, strict=True):
            product = operator.conj().T @ operator
            np.testing.assert_allclose(product, probability * np.eye(len(product)), atol=1e-15)
        assert step.noise_weight == pytest.approx(1 - step.probabilities[0])


def test_noiseless_stretch_becomes_one_unitary() -> None:
    circuit = Circuit(2).gate("h", [0]).gate("cx", [0, 1]).gate("rz", [1], 0.3).gate("swap", [1, 0])
    (step,) = fuse(circuit).steps
    assert isinstance(step, UnitaryStep)


def test_dominant_operator_comes_first() -> None:
    kraus = random_kraus(np.random.default_rng(4), 3, 4)
    order = np.argsort(np.linalg.norm(kraus, axis=(1, 2)))
    (step,) = fuse(Circuit(3).channel(kraus[order], [2, 0, 1])).steps
    assert np.argmax(step.mean_weights) == 0
    assert step.mean_weights.sum() == pytest.approx(1)


def test_wide_gates_stay_as_they_are() -> None:
    matrix = random_unitary(np.random.default_rng(0), 3)
    program = fuse(Circuit(4).gate("h", [0]).unitary(matrix, [3, 0, 1]).gate("h", [0]))
    assert [len(step.qubits) for step in program.steps] == [1, 3, 1]


def test_only_measurements_that_something_follows_stay_in_the_steps() -> None:
    circuit = Circuit(2, 2).gate("h", [0]).measure(0, 0).gate("x", [0]).measure(1, 1).barrier()
    program = fuse(circuit.measure(0, 1))
    assert [type(step) for step in program.steps] == [UnitaryStep, MeasureStep, UnitaryStep]
    assert [(m.qubit, m.clbit) for m in program.final_measures] == [(0, 1)]
    assert program.has_histories
    dephased = fuse(circuit, sampled=False)
    assert not dephased.has_histories


def test_saves_see_everything_before_them_and_nothing_after() -> None:
    circuit = Circuit(2).gate("h", [0]).save_probabilities([1]).gate("h", [0])
    assert [type(s) for s in fuse(circuit).steps] == [UnitaryStep, SaveStep, UnitaryStep]


def test_swaps_are_only_other_names() -> None:
    rng = np.random.default_rng(2)
    circuit = random_circuit(rng, 4, 12).gate("swap", [0, 3]).gate("h", [0]).gate("swap", [1, 0])
    circuit.gate("cx", [1, 2]).save_probabilities([0, 1], key="p").save_density_matrix(key="rho")
    program = fuse(circuit)
    assert not fuse(Circuit(4).gate("swap", [0, 3])).steps
    assert [save.qubits for save in program.saves] == [(1, 3), (1, 3, 2, 0)]
    result = simulate(circuit, epsilon=0, shots=0)
    for key, value in evolve(circuit).data.items():
        np.testing.assert_allclose(result.data[key], value, rtol=0, atol=1e-10)
