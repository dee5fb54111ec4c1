"""mitiq mitigates the errors of LRET's noisy states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from example_job import run_example
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETEstimator, LRETSampler

mitiq = pytest.importorskip("mitiq")

#: Probability of an error on each qubit after a CX, X, Y and Z alike; Qiskit counts I among them.
ERROR = 0.02
OBSERVABLE = SparsePauliOp("ZZ")


@pytest.fixture(scope="module")
def circuit() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(0.4, 0)
    circuit.cx(0, 1)
    circuit.rx(0.7, [0, 1])
    circuit.cx(0, 1)
    circuit.ry(0.5, 1)
    return circuit


def noise_model() -> NoiseModel:
    each = depolarizing_error(4 / 3 * ERROR, 1)
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(each.tensor(each), ["cx"])
    return noise


def expectation_values(circuits: list[QuantumCircuit]) -> list[float]:
    pubs = [(circuit, OBSERVABLE) for circuit in circuits]
    result = LRETEstimator(noise_model=noise_model()).run(pubs).result()
    return [float(each.data.evs) for each in result]


def exact(circuit: QuantumCircuit) -> float:
    return float(LRETEstimator().run([(circuit, OBSERVABLE)]).result()[0].data.evs)


def test_zero_noise_extrapolation(circuit: QuantumCircuit) -> None:
    """Three noise levels, one job; a parabola leaves a tenth of the error at most."""
    executor = mitiq.Executor(expectation_values)
    factory = mitiq.zne.inference.RichardsonFactory([1, 3, 5])
    mitigated = mitiq.zne.execute_with_zne(circuit, executor, factory=factory)
    assert executor.calls_to_executor == 1
    loss = abs(expectation_values([circuit])[0] - exact(circuit))
    assert loss > 0.03
    assert abs(mitigated - exact(circuit)) < loss / 10


def test_zero_noise_extrapolation_of_counts(circuit: QuantumCircuit) -> None:
    shots = 20_000

    def measured(circuits: list[QuantumCircuit]) -> list[mitiq.MeasurementResult]:
        sampler = LRETSampler(noise_model=noise_model(), seed=1, default_shots=shots)
        return [
            mitiq.MeasurementResult(each.join_data().get_bitstrings())
            for each in sampler.run(circuits).result()
        ]

    observable = mitiq.Observable(mitiq.PauliString("ZZ"))
    factory = mitiq.zne.inference.RichardsonFactory([1, 3, 5])
    mitigated = mitiq.zne.execute_with_zne(
        circuit, measured, observable=observable, factory=factory
    )
    # Of the three levels the extrapolation takes 15/8, -5/4 and 3/8, and of their noise too.
    assert mitigated.real == pytest.approx(exact(circuit), abs=5 * 2.3 / shots**0.5)


# Gates without noise need no representation.
@pytest.mark.filterwarnings("ignore:No representation found for:UserWarning")
def test_probabilistic_error_cancellation(circuit: QuantumCircuit) -> None:
    gate = QuantumCircuit(circuit.qregs[0])
    gate.cx(0, 1)
    noisy = mitiq.pec.representations.represent_operation_with_local_depolarizing_noise(gate, ERROR)
    mitigated, facts = mitiq.pec.execute_with_pec(
        circuit,
        expectation_values,
        representations=[noisy],
        num_samples=300,
        random_state=1,
        full_output=True,
    )
    spread = facts["pec_error"]
    assert spread < 0.02
    assert mitigated == pytest.approx(exact(circuit), abs=4 * spread)


def test_dynamical_decoupling_changes_no_ideal_state(circuit: QuantumCircuit) -> None:
    """Depolarizing noise on CX is not what it undoes: pulses that cancel leave the value alone."""
    found = mitiq.ddd.execute_with_ddd(circuit, expectation_values, rule=mitiq.ddd.rules.xx)
    assert found == pytest.approx(expectation_values([circuit])[0], abs=1e-6)


@pytest.mark.parametrize("ranks", [0, 2])
def test_the_example(tmp_path: Path, ranks: int) -> None:
    output = run_example(tmp_path, "qaoa_mitiq.py", ranks=ranks)
    largest, pure, noisy, mitigated = map(float, re.findall(r"([\d.]+)$", output, re.MULTILINE))
    assert largest == 7
    assert noisy < pure - 0.05 < largest
    assert abs(mitigated - pure) < (pure - noisy) / 10
