"""Every kind of noise that Qiskit Aer knows gives its density matrix, entry by entry."""

import warnings

import numpy as np
import pytest
from aer_reference import aer_data, errors_on, pick, random_kraus
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Gate, Instruction
from qiskit.circuit.library import (
    CXGate,
    DiagonalGate,
    PauliGate,
    RXGate,
    UnitaryGate,
    XGate,
)
from qiskit.quantum_info import PTM, Choi, Kraus, Operator, Stinespring, SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    PauliError,
    PauliLindbladError,
    QuantumError,
    ReadoutError,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    kraus_error,
    mixed_unitary_error,
    pauli_error,
    phase_amplitude_damping_error,
    phase_damping_error,
    reset_error,
    thermal_relaxation_error,
)
from scipy.stats import chi2_contingency

from lret_qiskit import LRETBackend

TOLERANCE = 1e-9
DAMPING = amplitude_damping_error(0.3)
ERRORS = {
    "kraus": kraus_error(Kraus(random_kraus(1, np.random.default_rng(1))).data),
    "pauli": pauli_error([("X", 0.1), ("Y", 0.2), ("I", 0.7)]),
    "pauli error": PauliError(["X", "Z", "I"], [0.1, 0.2, 0.7]),
    "pauli-lindblad": PauliLindbladError(["X", "Z"], [0.1, 0.2]),
    "coherent": coherent_unitary_error(Operator(RXGate(0.4)).data),
    "mixed": mixed_unitary_error([(Operator(RXGate(0.4)).data, 0.3), (np.eye(2), 0.7)]),
    "reset": reset_error(0.1, 0.2),
    "relaxation": thermal_relaxation_error(50, 70, 10, 0.1),
    "depolarizing": depolarizing_error(0.1, 1),
    "phase damping": phase_damping_error(0.2),
    "damping": phase_amplitude_damping_error(0.1, 0.2, 0.3),
    "composed": DAMPING.compose(depolarizing_error(0.1, 1)).compose(reset_error(0.2)),
    "superoperator": QuantumError(SuperOp(DAMPING)),
}


@pytest.fixture(scope="module")
def backend() -> LRETBackend:
    return LRETBackend(epsilon=0)


def for_aer(circuit: QuantumCircuit) -> QuantumCircuit:
    """A circuit whose measurements only dephase, so that one shot shows the average."""
    copy = circuit.copy_empty_like()
    dephasing = Kraus([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])]).to_instruction()
    for found in circuit.data:
        if found.name == "measure":
            copy.append(UnitaryGate(np.eye(2), label="measure"), found.qubits)
            copy.append(dephasing, found.qubits)
        else:
            copy.append(found)
    return copy


def assert_equals_aer(
    backend: LRETBackend, circuit: QuantumCircuit, noise: NoiseModel | None = None
) -> None:
    circuit.save_density_matrix(label="rho")
    ours = backend.run(circuit, noise_model=noise, shots=0).result().data(0)
    theirs = aer_data(for_aer(circuit), noise)
    np.testing.assert_allclose(ours["rho"].data, theirs["rho"].data, rtol=0, atol=TOLERANCE)


def probe(*names: str) -> QuantumCircuit:
    """Instructions on the first of two correlated qubits."""
    circuit = QuantumCircuit(2, 2)
    circuit.append(UnitaryGate(Operator(RXGate(0.7)), label="start"), [0])
    circuit.append(UnitaryGate(Operator(CXGate()), label="start"), [0, 1])
    for name in names:
        getattr(circuit, name)(*{"delay": (1, 0), "measure": (0, 0)}.get(name, (0,)))
    return circuit


@pytest.mark.parametrize("place", ["default", "local", "both"])
@pytest.mark.parametrize("kind", ERRORS)
def test_kinds_of_errors(backend: LRETBackend, kind: str, place: str) -> None:
    model = NoiseModel()
    if place != "local":
        model.add_all_qubit_quantum_error(ERRORS[kind], "x")
    if place != "default":
        model.add_quantum_error(ERRORS[kind], "x", [1], warnings=False)
    circuit = probe("x", "h", "x")
    circuit.x(1)
    assert_equals_aer(backend, circuit, model)


@pytest.mark.parametrize("name", ["id", "delay", "reset", "measure", "x", "sx"])
@pytest.mark.parametrize("kind", ["damping", "composed", "coherent", "pauli-lindblad"])
def test_instructions(backend: LRETBackend, name: str, kind: str) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ERRORS[kind], name)
    assert_equals_aer(backend, probe(name, "h", name), model)


def test_labels(backend: LRETBackend) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(DAMPING, XGate(label="noisy"))
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), "x")
    model.add_quantum_error(depolarizing_error(0.2, 2), "wide", [1, 0])
    circuit = probe("x")
    circuit.append(XGate(label="noisy"), [0])
    circuit.append(XGate(label="quiet"), [1])
    circuit.append(CXGate(label="wide"), [1, 0])
    circuit.append(CXGate(label="wide"), [0, 1])
    waiting = Delay(1).to_mutable()
    waiting.label = "noisy"
    circuit.append(waiting, [1])
    assert_equals_aer(backend, circuit, model)


def test_several_errors_on_one_instruction_act_in_their_order(backend: LRETBackend) -> None:
    for errors in ([DAMPING, ERRORS["coherent"]], [ERRORS["coherent"], DAMPING]):
        model = NoiseModel()
        for error in errors:
            model.add_all_qubit_quantum_error(error, "x", warnings=False)
            model.add_quantum_error(error, "h", [0], warnings=False)
        assert_equals_aer(backend, probe("x", "h", "x"), model)


def test_generators_on_some_of_the_qubits(backend: LRETBackend) -> None:
    model = NoiseModel()
    generators = PauliLindbladError(["IIX", "ZIY", "XYZ", "III"], [0.1, 0.2, 0.3, 0.4])
    model.add_all_qubit_quantum_error(generators, "ccx")
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.t([0, 1])
    circuit.ccx(2, 0, 1)
    assert_equals_aer(backend, circuit, model)


@pytest.mark.parametrize("form", [Kraus, SuperOp, Choi, PTM, Stinespring])
def test_channels_in_a_circuit(backend: LRETBackend, form: type) -> None:
    circuit = probe()
    circuit.append(form(SuperOp(DAMPING)).to_instruction(), [0])
    circuit.append(
        form(SuperOp(random_kraus(2, np.random.default_rng(2)))).to_instruction(), [1, 0]
    )
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), "x")
    circuit.x(0)
    assert_equals_aer(backend, circuit, model)


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_in_a_circuit(backend: LRETBackend, kind: str) -> None:
    circuit = probe("x")
    circuit.append(ERRORS[kind].to_instruction(), [0])
    assert_equals_aer(backend, circuit)


def test_a_readout_error_is_no_instruction(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.append(ReadoutError([[0.9, 0.1], [0.2, 0.8]]).to_instruction(), [], [0])
    with pytest.raises(ValueError, match="'roerror' is not supported"):
        backend.run(circuit)


READ = np.array([[0.9, 0.1], [0.3, 0.7]])
READ_FIRST = np.array([[0.8, 0.2], [0.05, 0.95]])


def test_readout_errors(backend: LRETBackend) -> None:
    model = NoiseModel()
    model.add_all_qubit_readout_error(READ)
    model.add_readout_error(READ_FIRST, [0], warnings=False)
    circuit = probe()
    circuit.save_probabilities(label="p")
    circuit.measure([0, 1], [1, 0])
    circuit.measure(0, 0)
    data = backend.run(circuit, noise_model=model, shots=40_000, seed_simulator=4).result()
    true = aer_data(circuit)["p"]  # both qubits are equal
    expected = np.zeros(4)
    for bit in (0, 1):
        expected += true[3 * bit] * np.kron(READ_FIRST[bit], READ_FIRST[bit])
    found = np.array([data.get_counts().get(format(i, "02b"), 0) for i in range(4)]) / 40_000
    np.testing.assert_allclose(found, expected, atol=5 * 0.5 / 200)


@pytest.mark.parametrize(
    "gate",
    [
        PauliGate("XYZXYZX"),
        DiagonalGate(np.exp(1j * np.arange(128) ** 2).tolist()),
    ],
    ids=lambda gate: gate.name,
)
@pytest.mark.filterwarnings("ignore:noise on .* acts nowhere")
def test_wide_gates_are_one_gate_to_the_noise(gate: Gate) -> None:
    """They are taken apart here, not in Aer: the errors of their parts must not act."""
    model = NoiseModel()
    names = ["x", "y", "z", "u", "u1", "u2", "u3", "p", "ry", "rz", "h"]
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), names)
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx", "cz"])
    circuit = QuantumCircuit(7)
    circuit.h(range(7))
    circuit.append(gate, range(7))
    circuit.h(range(7))
    circuit.save_probabilities()
    backend = LRETBackend(epsilon=0, method="density_matrix")
    found = backend.run(circuit, noise_model=model).result().data(0)["probabilities"]
    expected = aer_data(circuit, model)["probabilities"]
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


JOINT = np.array([[0.1, 0.2, 0.3, 0.4], [0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 1]])


def measured_together(qubits: list[int]) -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    circuit.h(1)
    circuit.append(Instruction("measure", 2, 2, []), qubits, [2, 0])
    return circuit


@pytest.mark.parametrize("qubits", [[0, 1], [1, 0]])
def test_readout_errors_on_several_qubits(backend: LRETBackend, qubits: list[int]) -> None:
    """They act on an instruction that measures exactly these qubits, as in Aer."""
    model = NoiseModel()
    model.add_readout_error(JOINT, [0, 1])
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.3, 0.7]])
    circuit = measured_together(qubits)
    options = {"noise_model": model, "shots": 20_000, "seed_simulator": 4}
    with warnings.catch_warnings():
        warnings.simplefilter("error" if qubits == [0, 1] else "ignore")
        ours = backend.run(circuit, **options).result().get_counts()
    aers = AerSimulator(method="density_matrix").run(circuit, **options).result().get_counts()
    keys = sorted({*ours, *aers})
    table = [[counts.get(key, 0) for key in keys] for counts in (ours, aers)]
    assert chi2_contingency(table).pvalue > 1e-6


def test_quantum_errors_on_qubits_that_are_measured_together(backend: LRETBackend) -> None:
    model = NoiseModel()
    model.add_quantum_error(pauli_error([("XX", 1.0)]), "measure", [0, 1])
    counts = backend.run(measured_together([0, 1]), noise_model=model, shots=50).result()
    assert {key[2] + key[0] for key in counts.get_counts()} <= {"01", "11"}


def test_readout_errors_on_several_qubits_that_act_nowhere(backend: LRETBackend) -> None:
    model = NoiseModel()
    model.add_readout_error(JOINT, [0, 1])
    circuit = QuantumCircuit(2)
    circuit.measure_all()
    message = r"readout error on qubits \(0, 1\) acts nowhere: it acts where one instruction"
    with pytest.warns(UserWarning, match=message) as caught:
        job = backend.run(circuit, noise_model=model, shots=9)
    assert caught[0].filename == __file__
    assert job.result().get_counts() == {"00": 9}


ONE = ("x", "sx", "id", "delay", "reset", "measure", "noisy")
NAMES = dict.fromkeys(ONE, 1) | {"cx": 2, "cz": 2}


def random_error(width: int, rng: np.random.Generator):
    strings = ["".join(rng.choice(list("IXYZ"), size=width)) for _ in range(3)]
    rates = rng.uniform(0.01, 0.2, size=3)
    others = [
        PauliLindbladError(strings, rates),
        PauliError(strings, rates / rates.sum()),
    ]
    return pick([*errors_on(width, rng), *others], rng)


def random_model(rng: np.random.Generator) -> NoiseModel:
    model = NoiseModel()
    for name in rng.permutation(list(NAMES))[:5].tolist():
        width = NAMES[name]
        if rng.random() < 0.6:
            model.add_all_qubit_quantum_error(random_error(width, rng), name, warnings=False)
        if rng.random() < 0.6:
            qubits = rng.permutation(3)[:width].tolist()
            model.add_quantum_error(random_error(width, rng), name, qubits, warnings=False)
    return model


def random_circuit(rng: np.random.Generator) -> QuantumCircuit:
    circuit = QuantumCircuit(3, 1)
    circuit.h([0, 1, 2])
    circuit.t(0)
    for name in rng.choice(list(NAMES), size=12).tolist():
        first, second = rng.permutation(3)[:2].tolist()
        if name == "noisy":
            circuit.append(RXGate(rng.uniform(0, 3), label="noisy"), [first])
        elif name == "delay":
            circuit.delay(10, first)
        elif name == "measure":
            circuit.measure(first, 0)
        else:
            getattr(circuit, name)(*[first, second][: NAMES[name]])
    return circuit


@pytest.mark.filterwarnings("ignore:noise on:UserWarning")
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_random_models_on_random_circuits(backend: LRETBackend, seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert_equals_aer(backend, random_circuit(rng), random_model(rng))
