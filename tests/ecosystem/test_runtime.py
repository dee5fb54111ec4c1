"""qiskit-ibm-runtime's local mode on LRET's backends."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

from lret_qiskit import LRETBackend

runtime = pytest.importorskip("qiskit_ibm_runtime")
fake_provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")

pytestmark = pytest.mark.filterwarnings(
    "ignore:The (Sampler|Estimator)V2 class is deprecated:DeprecationWarning"
)
SHOTS = 10_000
OBSERVABLES = [SparsePauliOp(each) for each in ("X" * 3, "IZZ", "YYX", "ZII")]
#: Of a GHZ state without noise.
PURE = [1, 1, -1, 0]


def ghz() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx([0, 1], [1, 2])
    return circuit


def measured(backend: LRETBackend) -> QuantumCircuit:
    circuit = ghz()
    circuit.measure_all()
    return transpile(circuit, backend, seed_transpiler=1)


def estimated(backend: LRETBackend) -> tuple[QuantumCircuit, list[SparsePauliOp]]:
    circuit = transpile(ghz(), backend, seed_transpiler=1)
    layout = circuit.layout
    return circuit, [each.apply_layout(layout) if layout else each for each in OBSERVABLES]


def sampled(backend: LRETBackend) -> dict[str, int]:
    options = {"default_shots": SHOTS, "simulator": {"seed_simulator": 1}}
    sampler = runtime.SamplerV2(mode=backend, options=options)
    return sampler.run([measured(backend)]).result()[0].data.meas.get_counts()


def estimates(backend: LRETBackend) -> np.ndarray:
    options = {"default_shots": SHOTS, "simulator": {"seed_simulator": 1}}
    estimator = runtime.EstimatorV2(mode=backend, options=options)
    return estimator.run([estimated(backend)]).result()[0].data.evs


def test_without_noise() -> None:
    counts = sampled(LRETBackend())
    assert set(counts) == {"000", "111"}
    assert counts["000"] / SHOTS == pytest.approx(0.5, abs=5 * 0.5 / SHOTS**0.5)
    np.testing.assert_allclose(estimates(LRETBackend()), PURE, atol=5 / SHOTS**0.5)


def test_a_device_as_aer_simulates_it() -> None:
    device = fake_provider.FakeManilaV2()
    backend, aer = LRETBackend.from_backend(device), AerSimulator.from_backend(device)
    options = {"seed_simulator": 3}
    found = sampled(backend)
    job = BackendSamplerV2(backend=aer, options=options).run([measured(backend)], shots=5 * SHOTS)
    wanted = job.result()[0].data.meas.get_counts()
    for bits in set(wanted) | set(found):
        share = wanted.get(bits, 0) / (5 * SHOTS)
        spread = np.sqrt(1.2 * max(share, 1 / SHOTS) / SHOTS)
        assert found.get(bits, 0) / SHOTS == pytest.approx(share, abs=5 * spread), bits
    precision = 1 / (5 * SHOTS) ** 0.5
    job = BackendEstimatorV2(backend=aer, options=options).run(
        [estimated(backend)], precision=precision
    )
    spread = np.sqrt(1.2 / SHOTS)
    np.testing.assert_allclose(estimates(backend), job.result()[0].data.evs, atol=5 * spread)


def test_a_device_of_133_qubits() -> None:
    """Gates and readout of each qubit lose a few per cent."""
    backend = LRETBackend.from_backend(fake_provider.FakeTorino())
    counts = sampled(backend)
    assert sum(counts.values()) == SHOTS
    assert 0.8 < (counts["000"] + counts["111"]) / SHOTS < 0.99
    xxx, izz, yyx, zii = estimates(backend)
    assert 0.6 < xxx < 0.99
    assert 0.6 < izz < 0.99
    assert -0.99 < yyx < -0.6
    assert abs(zii) < 0.1


def test_bits_are_what_a_device_classifies() -> None:
    sampler = runtime.SamplerV2(mode=(backend := LRETBackend()))
    sampler.options.execution.meas_type = "classified"
    assert sampler.run([measured(backend)], shots=100).result()[0].data.meas.num_shots == 100
    sampler.options.execution.meas_type = "kerneled"
    with pytest.raises(ValueError, match="meas_level must be 2, got 1"):
        sampler.run([measured(backend)], shots=100).result()
