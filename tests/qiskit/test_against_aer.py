"""Every gate and every error gives Qiskit Aer's density matrix, entry by entry."""

import numpy as np
import pytest
from aer_reference import (
    aer_data,
    noise_on,
    one_qubit_errors,
    random_kraus,
    two_qubit_errors,
    widths_of,
)
from qiskit import QuantumCircuit
from qiskit.circuit.library import (
    CCXGate,
    CPhaseGate,
    CRXGate,
    CRYGate,
    CU1Gate,
    CU3Gate,
    CUGate,
    CXGate,
    CYGate,
    CZGate,
    DiagonalGate,
    MCPhaseGate,
    MCXGate,
    PauliGate,
    RZXGate,
    UnitaryGate,
    XGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import SparsePauliOp, SuperOp, random_unitary
from qiskit_aer.noise import NoiseModel, PauliLindbladError, depolarizing_error, pauli_error

from lret_qiskit import LRETBackend

TOLERANCE = 1e-10


@pytest.fixture(params=["low_rank", "density_matrix"], scope="module")
def backend(request: pytest.FixtureRequest) -> LRETBackend:
    """A backend that discards nothing but rounding."""
    return LRETBackend(epsilon=0, method=request.param)


GATES = {
    name: gate
    for name, gate in get_standard_gate_name_mapping().items()
    if name not in ("measure", "reset", "delay", "global_phase")
}


def random_gate(name: str, rng: np.random.Generator):
    gate = GATES[name]
    return gate.base_class(*rng.uniform(-np.pi, np.pi, size=len(gate.params)))


def scrambled(num_qubits: int, rng: np.random.Generator) -> QuantumCircuit:
    """A circuit that starts in a random pure state, reached without a gate that has noise."""
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits):
        start = random_unitary(2, seed=int(rng.integers(1 << 30)))
        circuit.append(UnitaryGate(start, label="start"), [qubit])
    return circuit


def assert_equals_aer(
    backend: LRETBackend, circuit: QuantumCircuit, noise: NoiseModel | None = None
) -> None:
    circuit.save_density_matrix(label="rho")
    circuit.save_probabilities(label="p")
    ours = backend.run(circuit, noise_model=noise, shots=0).result().data(0)
    theirs = aer_data(circuit, noise)
    np.testing.assert_allclose(ours["rho"].data, theirs["rho"].data, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(ours["p"], theirs["p"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", sorted(GATES))
def test_standard_gate_with_its_own_noise(backend: LRETBackend, name: str) -> None:
    rng = np.random.default_rng(sorted(GATES).index(name))
    width = GATES[name].num_qubits
    circuit = scrambled(width, rng)
    circuit.append(random_gate(name, rng), range(width))
    circuit.append(random_gate(name, rng), range(width)[::-1])
    assert_equals_aer(backend, circuit, noise_on(widths_of(circuit, [name]), rng))


@pytest.mark.parametrize("seed", range(12))
def test_random_circuit_with_default_and_local_errors(backend: LRETBackend, seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    circuit = scrambled(4, rng)
    names = rng.permutation(sorted(GATES))
    for name in names[:20]:
        wires = rng.permutation(circuit.num_qubits)[: GATES[name].num_qubits]
        circuit.append(random_gate(name, rng), wires.tolist())
    circuit.reset(int(rng.integers(4)))
    assert_equals_aer(backend, circuit, noise_on(widths_of(circuit), rng, lambda n: n == "start"))


@pytest.mark.parametrize(
    "gate",
    [
        XGate(label="mine"),
        CXGate(ctrl_state=0),
        CYGate(ctrl_state=0),
        CZGate(ctrl_state=0),
        CCXGate(ctrl_state=1),
        CCXGate(ctrl_state=2),
        CRXGate(0.4, ctrl_state=0),
        CRYGate(0.4, ctrl_state=0),
        CPhaseGate(0.7, ctrl_state=0),
        CUGate(0.1, 0.2, 0.3, 0.4, ctrl_state=0),
        CU1Gate(0.7, ctrl_state=0),
        CU3Gate(0.1, 0.2, 0.3, ctrl_state=0),
        RZXGate(0.3, label="mine"),
        MCXGate(4),
        MCXGate(3, ctrl_state=5),
        MCPhaseGate(0.3, 3),
        DiagonalGate(np.exp(1j * np.arange(8))),
        UnitaryGate(random_unitary(8, seed=3)),
        UnitaryGate(random_unitary(4, seed=3), label="mine"),
    ],
    ids=lambda gate: f"{gate.name}-{gate.label}",
)
def test_further_gates_with_noise(backend: LRETBackend, gate) -> None:
    rng = np.random.default_rng(7)
    circuit = scrambled(gate.num_qubits, rng)
    circuit.append(gate, rng.permutation(gate.num_qubits).tolist())
    closed = gate.name.split("_o")[0]
    widths = {gate.label or closed: gate.num_qubits}
    if closed != gate.name:
        widths["x"] = 1
    assert_equals_aer(backend, circuit, noise_on(widths, rng))


def test_pauli_gates_take_no_noise(backend: LRETBackend) -> None:
    circuit = scrambled(3, np.random.default_rng(1))
    circuit.append(PauliGate("XYZ"), [2, 0, 1])
    labelled = PauliGate("ZX")
    labelled.label = "mine"
    circuit.append(labelled, [2, 0])
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.3, 2), ["pauli", "mine"])
    with pytest.warns(UserWarning, match=r"noise on 'mine' \(which takes no noise\), 'pauli' \("):
        assert_equals_aer(backend, circuit, model)


def test_noise_of_a_diagonal_gate_ignores_its_label(backend: LRETBackend) -> None:
    circuit = scrambled(2, np.random.default_rng(1))
    gate = DiagonalGate([1, 1j, -1, 1])
    gate.label = "mine"
    circuit.append(gate, [1, 0])
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.3, 2), "diagonal")
    assert_equals_aer(backend, circuit, model)


@pytest.mark.parametrize("kind", range(13))
def test_one_qubit_error(backend: LRETBackend, kind: int) -> None:
    rng = np.random.default_rng(kind)
    circuit = scrambled(2, rng)
    circuit.cx(0, 1)
    circuit.sx(1)
    circuit.id(0)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(one_qubit_errors(rng)[kind], ["sx", "id"])
    assert_equals_aer(backend, circuit, model)


@pytest.mark.parametrize("kind", range(6))
def test_two_qubit_error_follows_the_order_of_the_qubits(backend: LRETBackend, kind: int) -> None:
    rng = np.random.default_rng(kind)
    circuit = scrambled(3, rng)
    circuit.cx(0, 2)
    circuit.cx(2, 0)
    circuit.cx(1, 2)
    model = NoiseModel()
    model.add_quantum_error(two_qubit_errors(rng)[kind], "cx", [2, 0])
    model.add_quantum_error(two_qubit_errors(rng)[kind], "cx", [1, 2])
    assert_equals_aer(backend, circuit, model)


def test_three_qubit_kraus_error(backend: LRETBackend) -> None:
    rng = np.random.default_rng(5)
    circuit = scrambled(4, rng)
    circuit.ccx(3, 0, 2)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(random_kraus(3, rng), "ccx")
    assert_equals_aer(backend, circuit, model)


def test_pauli_lindblad_error(backend: LRETBackend) -> None:
    circuit = scrambled(3, np.random.default_rng(2))
    circuit.cx(2, 0)
    circuit.ccx(0, 1, 2)
    model = NoiseModel()
    pairs = PauliLindbladError(["XY", "IZ", "ZZ"], [0.1, 0.2, 0.05])
    model.add_all_qubit_quantum_error(pairs, "cx")
    model.add_all_qubit_quantum_error(PauliLindbladError(["XIZ", "IYI"], [0.1, 0.3]), "ccx")
    assert_equals_aer(backend, circuit, model)


def test_error_on_a_label_leaves_the_name_alone(backend: LRETBackend) -> None:
    circuit = scrambled(1, np.random.default_rng(3))
    circuit.append(XGate(label="mine"), [0])
    circuit.x(0)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), "x")
    model.add_all_qubit_quantum_error(pauli_error([("Z", 0.3), ("I", 0.7)]), "mine")
    assert_equals_aer(backend, circuit, model)


def test_labelled_gate_takes_no_noise_of_its_name(backend: LRETBackend) -> None:
    circuit = scrambled(1, np.random.default_rng(3))
    circuit.append(XGate(label="mine"), [0])
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), "x")
    message = r"noise on 'x' \(matched by the labels .*\) acts nowhere: the circuits have 'mine'"
    with pytest.warns(UserWarning, match=message):
        assert_equals_aer(backend, circuit, model)


def test_reset_delay_and_identity_take_noise(backend: LRETBackend) -> None:
    circuit = scrambled(2, np.random.default_rng(4))
    circuit.reset(0)
    circuit.delay(100, 1)
    circuit.id(1)
    circuit.barrier()
    model = NoiseModel()
    for name in ("reset", "delay", "id"):
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), name)
    assert_equals_aer(backend, circuit, model)


def test_channels_written_into_the_circuit(backend: LRETBackend) -> None:
    rng = np.random.default_rng(6)
    circuit = scrambled(3, rng)
    circuit.append(random_kraus(2, rng), [2, 0])
    circuit.append(SuperOp(random_kraus(2, rng)), [1, 2])
    circuit.append(one_qubit_errors(rng)[5], [1])
    circuit.append(two_qubit_errors(rng)[4], [0, 1])
    assert_equals_aer(backend, circuit)


def test_saves_on_some_qubits_and_in_the_middle(backend: LRETBackend) -> None:
    circuit = scrambled(3, np.random.default_rng(8))
    circuit.save_density_matrix([2, 0], label="a")
    circuit.cx(0, 2)
    circuit.save_probabilities([1, 0], label="b")
    operator = SparsePauliOp(["XZY", "IIZ", "YIX"], [0.5, -1.25, 2])
    circuit.save_expectation_value(operator, [1, 2, 0], label="c")
    ours = backend.run(circuit, shots=0).result().data(0)
    theirs = aer_data(circuit)
    assert ours.keys() == theirs.keys()
    np.testing.assert_allclose(ours["a"].data, theirs["a"].data, atol=TOLERANCE)
    np.testing.assert_allclose(ours["b"], theirs["b"], atol=TOLERANCE)
    assert ours["c"] == pytest.approx(theirs["c"], abs=TOLERANCE)
    assert isinstance(ours["c"], float)
