"""The primitives' circuits of many parameter sets are those of Qiskit's own binding."""

import numpy as np
import pytest
from aer_reference import aer_data
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.classical import expr
from qiskit.circuit.library import RXGate, get_standard_gate_name_mapping, real_amplitudes
from qiskit.quantum_info import Pauli
from qiskit.transpiler import InstructionProperties, PassManager, Target, TransformationPass
from qiskit_aer.noise import LocalNoisePass, NoiseModel, RelaxationNoisePass, pauli_error

from lret_dist import Circuit
from lret_qiskit import LRETEstimator
from lret_qiskit.primitives.bindings import Bindings
from lret_qiskit.translators import translate_circuit

SETS = 12


def assert_same(mine: Circuit, other: Circuit) -> None:
    assert (mine.num_qubits, mine.num_clbits) == (other.num_qubits, other.num_clbits)
    assert mine.num_memory_bits == other.num_memory_bits
    assert len(mine) == len(other)
    for one, two in zip(mine, other, strict=True):
        assert (type(one), one.name, one.qubits, one.label) == (
            type(two),
            two.name,
            two.qubits,
            two.label,
        )
        if hasattr(one, "matrix"):
            np.testing.assert_allclose(one.matrix, two.matrix, rtol=0, atol=1e-13)
            np.testing.assert_array_equal(one.matrix == 0, two.matrix == 0)
            assert one.matrix.flags.c_contiguous


def check(circuit: QuantumCircuit, low: float = -7.0) -> None:
    values = np.random.default_rng(2).uniform(low, 7, (SETS, circuit.num_parameters))
    bindings = Bindings(circuit, values, None)
    made = list(bindings.circuits(range(SETS)))
    for row, mine in zip(values, made, strict=True):
        assert_same(mine, translate_circuit(circuit.assign_parameters(row)))
    some = list(bindings.circuits(range(3, 5)))
    assert_same(some[0], made[3])
    assert bindings.first is not None
    assert_same(bindings.first, made[0])


@pytest.mark.parametrize(
    "name",
    [n for n, gate in get_standard_gate_name_mapping().items() if gate.params and n != "delay"],
)
def test_gates(name: str) -> None:
    gate = get_standard_gate_name_mapping()[name]
    angles = [Parameter(f"t{number}") for number in range(len(gate.params))]
    circuit = QuantumCircuit(3, 2, name="one gate")
    circuit.h(0)
    if name == "global_phase":
        circuit.global_phase = angles[0]
    circuit.append(gate.base_class(*angles), range(gate.num_qubits))
    circuit.measure(0, 1)
    check(circuit)


def test_expressions_labels_and_phases() -> None:
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2, global_phase=a * b)
    circuit.rx(2 * a + b, 0)
    circuit.rz(b, 1)
    circuit.ry(a.sin(), 1)
    gate = get_standard_gate_name_mapping()["rzz"].base_class(-b, label="noisy")
    circuit.append(gate, [1, 0])
    circuit.rx(a, 1)
    check(circuit)


def test_parameters_inside_of_other_instructions() -> None:
    angles = ParameterVector("t", 2)
    inner = QuantumCircuit(2, name="inner")
    inner.ry(angles[0], 0)
    inner.crx(angles[1], 0, 1)
    circuit = QuantumCircuit(2)
    circuit.append(inner.to_instruction(), [1, 0])
    circuit.rx(angles[0], 0)
    check(circuit)


@pytest.mark.parametrize("inside", [False, True])
def test_control_flow_and_variables(inside: bool) -> None:
    angle = Parameter("t")
    circuit = QuantumCircuit(2, 1)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    flag = circuit.add_var("flag", expr.lift(circuit.clbits[0]))
    with circuit.if_test(flag):
        circuit.rx(angle if inside else 0.3, 1)
    check(circuit)


def test_parameters_of_a_noisy_delay() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    circuit.delay(Parameter("b"), 0, unit="s")
    check(circuit, low=0.0)


def on_gates_of_a_class() -> TransformationPass:
    error = pauli_error([("X", 0.2), ("I", 0.8)]).to_instruction()
    return LocalNoisePass(lambda *_: error, op_types=[RXGate], method="append")


def on_gates_with_a_duration() -> TransformationPass:
    target = Target(num_qubits=1)
    timed = {(0,): InstructionProperties(duration=1e-5)}
    target.add_instruction(RXGate(Parameter("a")), timed)
    return RelaxationNoisePass([1e-5], [1e-5], dt=1e-9, target=target)


@pytest.mark.parametrize("noise_pass", [on_gates_of_a_class(), on_gates_with_a_duration()])
def test_noise_passes_see_the_bound_gates(noise_pass: TransformationPass) -> None:
    angle = Parameter("t")
    circuit = QuantumCircuit(1)
    circuit.rx(angle, 0)
    model = NoiseModel()
    model._custom_noise_passes.append(noise_pass)
    values = np.linspace(0, 3, SETS)
    found = LRETEstimator(noise_model=model).run([(circuit, "Z", values)]).result()[0].data.evs
    wanted = []
    for value in values:
        bound = PassManager([noise_pass]).run(circuit.assign_parameters([value]))
        bound.save_density_matrix()
        rho = aer_data(bound)["density_matrix"]
        wanted.append(rho.expectation_value(Pauli("Z")).real)
    np.testing.assert_allclose(found, wanted, atol=1e-7)
    assert np.abs(np.cos(values) - wanted).max() > 0.1


def test_no_parameter_sets() -> None:
    bindings = Bindings(real_amplitudes(2), np.zeros((0, 8)), None)
    assert bindings.first is None
    assert list(bindings.circuits(range(0))) == []
