"""PennyLane's plugin for Qiskit on LRET's backends."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETBackend

pennylane = pytest.importorskip("pennylane")
pytest.importorskip("pennylane_qiskit")

# Of a plugin of Qiskit's transpiler that qiskit-ibm-runtime brings.
pytestmark = pytest.mark.filterwarnings("ignore:Since backends now support:DeprecationWarning")

CX_ERROR, SHOTS = 0.1, 20_000
ANGLE = 0.7


@pytest.fixture(scope="module")
def device():
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(CX_ERROR, 2), ["cx"])
    backend = LRETBackend(noise_model=noise, seed_simulator=1)
    return pennylane.device("qiskit.remote", wires=2, backend=backend)


def rotated(angle) -> None:
    pennylane.RY(angle, wires=0)
    pennylane.CNOT(wires=[0, 1])


def test_expectation_values_and_counts_of_a_noisy_state(device) -> None:
    @pennylane.set_shots(SHOTS)
    @pennylane.qnode(device)
    def measured(angle):
        rotated(angle)
        return pennylane.expval(pennylane.Z(0)), pennylane.expval(pennylane.Z(0) @ pennylane.Z(1))

    @pennylane.set_shots(SHOTS)
    @pennylane.qnode(device)
    def counted(angle):
        rotated(angle)
        return pennylane.probs(wires=[0, 1])

    z, zz = measured(ANGLE)
    left = 1 - CX_ERROR
    assert z == pytest.approx(left * np.cos(ANGLE), abs=5 / SHOTS**0.5)
    assert zz == pytest.approx(left, abs=5 / SHOTS**0.5)
    pure = np.array([np.cos(ANGLE / 2) ** 2, 0, 0, np.sin(ANGLE / 2) ** 2])
    wanted = left * pure + CX_ERROR / 4
    np.testing.assert_allclose(counted(ANGLE), wanted, atol=5 * 0.5 / SHOTS**0.5)


def test_gradients_by_parameter_shifts(device) -> None:
    @pennylane.set_shots(SHOTS)
    @pennylane.qnode(device, diff_method="parameter-shift")
    def measured(angle):
        rotated(angle)
        return pennylane.expval(pennylane.Z(1))

    angle = pennylane.numpy.array(ANGLE, requires_grad=True)
    wanted = -(1 - CX_ERROR) * np.sin(ANGLE)
    assert pennylane.grad(measured)(angle) == pytest.approx(wanted, abs=5 / SHOTS**0.5)
