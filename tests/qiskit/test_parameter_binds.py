"""Parameters bound by run, beside Qiskit Aer's."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit_aer import AerError, AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_dist import LretError
from lret_qiskit import LRETBackend

THETA, PHI = Parameter("theta"), Parameter("phi")


def turned(name: str = "turned") -> QuantumCircuit:
    circuit = QuantumCircuit(2, name=name, metadata={"of": name})
    circuit.rx(THETA, 0)
    circuit.cx(0, 1)
    circuit.ry(THETA * THETA + PHI, 1)
    circuit.save_density_matrix()
    circuit.measure_all()
    return circuit


def plain() -> QuantumCircuit:
    circuit = QuantumCircuit(1, name="plain")
    circuit.rx(0.4, 0)
    circuit.save_density_matrix()
    circuit.measure_all()
    return circuit


JOBS = [
    (turned(), [{THETA: [0, np.pi, 1.3], PHI: [0.1, 0.2, 0.3]}]),
    ([turned()], ({THETA: np.array([0.5, 2]), PHI: (1, 2)},)),
    (
        [turned("one"), plain(), turned("two")],
        [{THETA: [1], PHI: [2]}, {}, {THETA: [0, 1], PHI: [2, 3], Parameter("other"): [7]}],
    ),
    (plain(), [{THETA: [1, 2]}]),
]


@pytest.mark.parametrize(("circuits", "binds"), JOBS)
def test_same_experiments_as_aer(circuits, binds) -> None:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["rx"])
    options = {"seed_simulator": 11, "shots": 40, "memory": True, "noise_model": noise}
    aer = AerSimulator(method="density_matrix")
    wanted = aer.run(circuits, parameter_binds=binds, **options).result()
    found = LRETBackend(epsilon=0).run(circuits, parameter_binds=binds, **options).result()
    assert len(found.results) == len(wanted.results)
    for one, other in zip(found.results, wanted.results, strict=True):
        assert one.header.items() >= other.header.items()
        assert (one.seed_simulator, one.shots) == (other.seed_simulator, other.shots)
        np.testing.assert_allclose(
            np.asarray(one.data.density_matrix), np.asarray(other.data.density_matrix), atol=1e-10
        )
        assert len(one.data.memory) == 40


def test_vectors_and_expressions_are_bound_as_by_hand() -> None:
    vector = ParameterVector("v", 2)
    circuit = QuantumCircuit(2, global_phase=vector[0])
    circuit.rx(vector[0], 0)
    circuit.rzz(vector[1] / 2, 0, 1)
    circuit.u(vector[0], vector[0] - vector[1], 0.4, 1)
    circuit.save_density_matrix()
    rows = [(0.3, 0.7), (1.1, -2.0)]
    backend = LRETBackend(epsilon=0)
    binds = [{vector[0]: [a for a, _ in rows], vector[1]: [b for _, b in rows]}]
    found = backend.run(circuit, binds).result()
    wanted = backend.run([circuit.assign_parameters(row) for row in rows]).result()
    for i in range(2):
        assert found.data(i)["density_matrix"] == wanted.data(i)["density_matrix"]


def test_job_and_circuit_keep_their_own(backend: LRETBackend) -> None:
    circuit = turned()
    job = backend.run(circuit, parameter_binds=[{THETA: [0, 1], PHI: [0, 1]}])
    assert circuit.num_parameters == 2
    assert [each.num_parameters for each in job.circuits()] == [0, 0]
    assert len(job.result().results) == 2


@pytest.mark.parametrize("binds", [None, [], ()])
def test_parameters_without_values(backend: LRETBackend, binds) -> None:
    with pytest.raises(AerError):
        AerSimulator().run([plain(), turned()], parameter_binds=binds).result()
    # One error, whichever of the three a user catches.
    for error in (AerError, ValueError, LretError):
        with pytest.raises(error, match=r"^circuit 'turned' has unbound parameters: phi, theta"):
            backend.run([plain(), turned()], parameter_binds=binds)
    assert backend.run(plain(), parameter_binds=binds).result().success


@pytest.mark.parametrize(
    ("binds", "message"),
    [
        ([{}], "no values of parameter 'phi' of circuit 'turned'"),
        ([{THETA: [1]}], "no values of parameter 'phi'"),
        ([{"theta": [1], "phi": [1]}], "no values of parameter 'phi'"),
        ([{THETA: [1, 2], PHI: [1]}], "equally many values, at least one; there are phi: 1, theta"),
        ([{THETA: [1], PHI: [1, 2]}], "equally many values"),
        ([{THETA: [], PHI: []}], "at least one"),
        ([{THETA: [1], PHI: [1]}] * 2, "there are 1 circuits and 2 dictionaries"),
        (
            [{THETA: [float("nan")], PHI: [1]}],
            "(do not fit the parameters.*theta=|finite parameters, got )nan",
        ),
        ([{THETA: ["a"], PHI: [1]}], "values do not fit the parameters.*theta='a'"),
        ([{THETA: [1j], PHI: [1]}], "values do not fit the parameters.*theta=1j"),
    ],
)
def test_values_that_do_not_fit(backend: LRETBackend, binds, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        backend.run(turned(), parameter_binds=binds)


@pytest.mark.parametrize(
    "binds", [{THETA: [1], PHI: [1]}, "theta", 3, [[THETA]], [{THETA: 1, PHI: 2}]]
)
def test_values_of_the_wrong_type(backend: LRETBackend, binds) -> None:
    with pytest.raises(TypeError, match="parameter_binds must "):
        backend.run(turned(), parameter_binds=binds)
