import time

import numpy as np
import pytest
from aer_reference import random_kraus, two_qubit_errors
from dense_reference import evolve
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Delay,
    Gate,
    Instruction,
    InverseModifier,
    Parameter,
    ParameterVector,
)
from qiskit.circuit.library import (
    CSwapGate,
    DiagonalGate,
    GlobalPhaseGate,
    Initialize,
    MCXGate,
    PauliGate,
    PermutationGate,
    QFTGate,
    RXXGate,
    StatePreparation,
    UnitaryGate,
    XGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import Clifford, DensityMatrix, Kraus, Operator, SuperOp, random_clifford
from qiskit_aer.noise import depolarizing_error

import lret_dist
from lret_dist import UnsupportedOperationError
from lret_qiskit.translators import translate_circuit


def assert_translates(circuit: QuantumCircuit) -> lret_dist.Circuit:
    """The translation's density matrix is Qiskit's own."""
    translated = translate_circuit(circuit)
    expected = DensityMatrix.from_label("0" * circuit.num_qubits).evolve(circuit)
    np.testing.assert_allclose(evolve(translated).rho, expected.data, rtol=0, atol=1e-10)
    return translated


def on(operation, qubits=None) -> QuantumCircuit:
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.h(range(operation.num_qubits))
    circuit.t(range(operation.num_qubits))
    circuit.append(operation, qubits or range(operation.num_qubits))
    return circuit


NO_GATES = {"measure", "reset", "delay", "global_phase"}


@pytest.mark.parametrize("name", sorted(set(get_standard_gate_name_mapping()) - NO_GATES))
def test_every_standard_gate_stays_itself(name: str) -> None:
    gate = get_standard_gate_name_mapping()[name]
    bound = gate.base_class(*np.linspace(0.3, 0.9, len(gate.params)))
    translated = assert_translates(on(bound, range(gate.num_qubits)[::-1]))
    assert [op.name for op in translated][-1] == name
    assert list(translated)[-1].qubits == tuple(range(gate.num_qubits)[::-1])


@pytest.mark.parametrize("state", [0, 1])
def test_open_controls_are_x_gates_around_the_gate(state: int) -> None:
    translated = assert_translates(on(CSwapGate(ctrl_state=state), [2, 0, 1]))
    names = [op.name for op in translated][6:]
    assert names == (["x", "cswap", "x"] if state == 0 else ["cswap"])


def test_composites_are_taken_apart() -> None:
    inner = QuantumCircuit(2, name="inner")
    inner.cx(1, 0)
    inner.rx(0.3, 1)
    outer = QuantumCircuit(3, name="outer")
    outer.append(inner.to_gate(), [2, 0])
    outer.append(inner.to_gate().control(1), [0, 1, 2])
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    circuit.append(outer.to_gate(), [3, 1, 0])
    translated = assert_translates(circuit)
    assert [op.name for op in translated][4:6] == ["cx", "rx"]
    assert [op.qubits for op in translated][4:6] == [(3, 0), (3,)]


@pytest.mark.parametrize(
    "operation",
    [
        MCXGate(4),
        PauliGate("XYZ"),
        DiagonalGate(np.exp(1j * np.arange(8))),
        PermutationGate([2, 0, 1]),
        QFTGate(4),
        StatePreparation(np.array([1, 2j, 0, 2]) / 3),
        QFTGate(2).control(1, ctrl_state=0),
        XGate().power(0.3),
        Clifford(random_clifford(3, seed=1)),
        AnnotatedOperation(RXXGate(0.4), [ControlModifier(1), InverseModifier()]),
        random_clifford(7, seed=1),
        AnnotatedOperation(QFTGate(5), [ControlModifier(2)]),
        MCXGate(6),
        PauliGate("XYZXYZX"),
        DiagonalGate(np.exp(1j * np.arange(128))),
    ],
    ids=lambda operation: f"{operation.name}-{operation.num_qubits}",
)
def test_further_operations(operation) -> None:
    circuit = on(operation)
    translated = translate_circuit(circuit)
    assert max(len(op.qubits) for op in translated) <= 6
    product = QuantumCircuit(circuit.num_qubits)
    for op in translated:
        product.append(UnitaryGate(op.matrix), op.qubits)
    assert Operator(product).equiv(Operator(circuit), atol=1e-8)


def test_initialize_resets_first() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.append(Initialize([0.6, 0.8j]), [0])
    translated = translate_circuit(circuit)
    assert [op.name for op in translated][1] == "reset"
    np.testing.assert_allclose(np.diag(evolve(translated).rho).real, [0.36, 0.64, 0, 0], atol=1e-10)


def test_global_phase_has_no_effect() -> None:
    circuit = QuantumCircuit(1, global_phase=0.3)
    circuit.append(GlobalPhaseGate(0.5), [])
    assert len(assert_translates(circuit)) == 0


def test_labels_names_and_bits_are_passed_on() -> None:
    circuit = QuantumCircuit(3, 2, name="mine")
    circuit.append(XGate(label="label"), [2])
    circuit.append(UnitaryGate(np.eye(2), label="other"), [1])
    circuit.delay(10, 0)
    circuit.barrier(0, 2)
    circuit.measure(2, 1)
    circuit.reset(2)
    translated = translate_circuit(circuit)
    assert (translated.name, translated.num_qubits, translated.num_clbits) == ("mine", 3, 2)
    assert [(op.name, op.qubits, op.label) for op in translated] == [
        ("x", (2,), "label"),
        ("unitary", (1,), "other"),
        ("delay", (0,), None),
        ("barrier", (0, 2), None),
        ("measure", (2,), None),
        ("reset", (2,), None),
    ]
    assert list(translated)[4].clbit == 1


def test_bits_inside_a_composite() -> None:
    inner = QuantumCircuit(1, 1)
    inner.measure(0, 0)
    circuit = QuantumCircuit(2, 3)
    circuit.append(inner.to_instruction(), [1], [2])
    (measure,) = translate_circuit(circuit)
    assert (measure.qubit, measure.clbit) == (1, 2)


def test_channels_keep_their_names() -> None:
    circuit = QuantumCircuit(1)
    channel = Kraus([np.eye(2) * 0.6, np.diag([0.8, -0.8])])
    circuit.h(0)
    circuit.append(channel, [0])
    circuit.append(Instruction("superop", 1, 0, [SuperOp(channel).data]), [0])
    circuit.append(depolarizing_error(0.1, 1), [0])
    translated = translate_circuit(circuit)
    assert [op.name for op in translated] == ["h", "kraus", "superop", "kraus"]
    twice = channel @ channel @ SuperOp(depolarizing_error(0.1, 1))
    expected = DensityMatrix.from_label("+").evolve(twice)
    np.testing.assert_allclose(evolve(translated).rho, expected.data, rtol=0, atol=1e-10)


def test_channels_follow_the_order_of_the_qubits() -> None:
    rng = np.random.default_rng(1)
    circuit = on(QFTGate(3))
    expected = DensityMatrix.from_label("000").evolve(circuit)
    for channel in (random_kraus(2, rng), SuperOp(random_kraus(2, rng)), two_qubit_errors(rng)[4]):
        circuit.append(channel, [2, 0])
        expected = expected.evolve(SuperOp(channel), [2, 0])
    rho = evolve(translate_circuit(circuit)).rho
    np.testing.assert_allclose(rho, expected.data, rtol=0, atol=1e-10)


def test_bound_parameters() -> None:
    angle = Parameter("a")
    circuit = QuantumCircuit(1)
    circuit.rx(2 * angle + 1, 0)
    assert_translates(circuit.assign_parameters({angle: 0.2}))
    assert_translates(circuit.assign_parameters([np.float32(0.5)]))


def test_unbound_parameters_are_named() -> None:
    circuit = QuantumCircuit(1, name="ansatz")
    circuit.rx(Parameter("angle"), 0)
    circuit.rz(ParameterVector("v", 2)[1], 0)
    with pytest.raises(ValueError, match=r"'ansatz' has unbound parameters: angle, v\[1\]"):
        translate_circuit(circuit)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_infinite_parameters(value: float) -> None:
    circuit = QuantumCircuit(2, name="wild")
    inner = QuantumCircuit(1)
    inner.rx(value, 0)
    circuit.append(inner.to_instruction(), [1])
    with pytest.raises(ValueError, match=r"'wild': gate 'rx' on qubits \(1,\) needs finite"):
        translate_circuit(circuit)


def test_opaque_gate_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedOperationError, match="'oracle' is not supported: it has neith"):
        translate_circuit(on(Gate("oracle", 2, [])))


def test_wide_matrix_without_definition_is_refused() -> None:
    class Wide(Gate):
        def __init__(self) -> None:
            super().__init__("wide", 7, [])

        def __array__(self, dtype=None, copy=None):
            return np.eye(128)

    with pytest.raises(UnsupportedOperationError, match="operation 'wide' is not supported"):
        translate_circuit(on(Wide()))


def test_wide_channel_is_refused() -> None:
    channel = Instruction("kraus", 7, 0, [np.eye(128) * 0.6, np.eye(128) * 0.8])
    with pytest.raises(UnsupportedOperationError, match="it acts on 7 qubits, a channel may on 6"):
        translate_circuit(on(channel))


def test_gate_with_a_matrix_alone() -> None:
    class Flip(Gate):
        def __init__(self) -> None:
            super().__init__("flip", 1, [])

        def __array__(self, dtype=None, copy=None):
            return np.array([[0, 1], [1, 0]], dtype=complex)

    circuit = QuantumCircuit(1)
    circuit.append(Flip(), [0])
    (gate,) = translate_circuit(circuit)
    assert gate.name == "flip"


def test_matrices_are_checked() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(UnitaryGate(np.diag([1, 2]), check_input=False), [0])
    with pytest.raises(ValueError, match=r"'unitary' on qubits \(0,\): the matrix is not unitary"):
        translate_circuit(circuit)
    circuit = QuantumCircuit(1)
    circuit.append(Instruction("kraus", 1, 0, [np.diag([1, 0.5])]), [0])
    with pytest.raises(ValueError, match=r"'kraus' on qubits \(0,\): the Kraus operators do not"):
        translate_circuit(circuit)


def test_saved_keys_are_used_once() -> None:
    circuit = QuantumCircuit(1)
    circuit.save_density_matrix()
    circuit.save_probabilities(label="density_matrix")
    with pytest.raises(ValueError, match="saves under 'density_matrix', which is taken"):
        translate_circuit(circuit)
    circuit = QuantumCircuit(1)
    circuit.save_density_matrix(label="counts")
    with pytest.raises(ValueError, match="saves under 'counts', which is taken"):
        translate_circuit(circuit)


def test_other_saves_are_refused() -> None:
    circuit = QuantumCircuit(1)
    circuit.save_stabilizer()
    with pytest.raises(UnsupportedOperationError, match="'save_stabilizer' is not supported"):
        translate_circuit(circuit)


def test_translation_is_fast() -> None:
    circuit = QuantumCircuit(13)
    for _ in range(10):
        for qubit in range(13):
            circuit.rx(0.1, qubit)
            circuit.rz(0.2, qubit)
        for qubit in range(0, 12, 2):
            circuit.cx(qubit, qubit + 1)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        translate_circuit(circuit)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 20e-6 * len(circuit.data)


def test_delay_is_an_identity() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(Delay(5, "ns"), [0])
    (gate,) = translate_circuit(circuit)
    np.testing.assert_array_equal(gate.matrix, np.eye(2))
