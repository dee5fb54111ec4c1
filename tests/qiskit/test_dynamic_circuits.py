"""Dynamic circuits against the exact distribution of their outcomes, and against Aer."""

import numpy as np
import pytest
from dynamic_circuits import random_dynamic_circuit
from dynamic_reference import assert_counts_fit, average_state, distribution
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import ClassicalRegister, Clbit, Instruction, QuantumRegister, Qubit
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import Statevector, random_statevector
from qiskit_aer import AerSimulator
from qiskit_aer.library.control_flow_instructions import AerJump, AerMark
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from qiskit_version import needs_qiskit
from scipy.stats import chi2_contingency

from lret_dist import UnsupportedOperationError
from lret_qiskit import LRETBackend

LEVEL = 1e-6
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(params=["low_rank", "density_matrix"], scope="module")
def backend(request: pytest.FixtureRequest) -> LRETBackend:
    return LRETBackend(epsilon=0, method=request.param)


def bits_of(result, circuit: QuantumCircuit) -> dict[str, int]:
    """Counts by the circuit's bits: overlapping registers would show some of them twice."""
    width = circuit.num_clbits
    counts = result.results[0].data.counts
    return {format(int(key, 16), f"0{width}b"): times for key, times in counts.items()}


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_counts_have_the_exact_distribution(backend: LRETBackend, seed: int) -> None:
    circuit = random_dynamic_circuit(seed)
    result = backend.run(circuit, shots=500, seed_simulator=seed).result()
    assert_counts_fit(bits_of(result, circuit), distribution(circuit), LEVEL)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_aer_has_the_same_distribution(seed: int) -> None:
    """Where Aer can run them: it has no variables."""
    circuit = random_dynamic_circuit(seed, variables=False)
    result = (
        AerSimulator(method="density_matrix").run(circuit, shots=500, seed_simulator=1).result()
    )
    assert_counts_fit(bits_of(result, circuit), distribution(circuit), LEVEL)


@pytest.mark.filterwarnings("ignore:noise on .* acts nowhere")
@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_noisy_counts_are_as_aers(backend: LRETBackend, seed: int) -> None:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["rx", "measure", "reset"])
    noise.add_all_qubit_quantum_error(depolarizing_error(0.2, 2), ["cx"])
    noise.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    circuit = random_dynamic_circuit(seed, variables=False)
    options = {"noise_model": noise, "shots": 1000, "seed_simulator": 5}
    ours = bits_of(backend.run(circuit, **options).result(), circuit)
    aers = AerSimulator(method="density_matrix").run(circuit, **options).result()
    assert_same_distribution(ours, bits_of(aers, circuit))


def assert_same_distribution(one: dict[str, int], other: dict[str, int]) -> None:
    keys = sorted({*one, *other}, key=lambda key: one.get(key, 0) + other.get(key, 0))
    table = np.array([[counts.get(key, 0) for key in keys] for counts in (one, other)])
    # Cells with few counts are put together.
    few = int((np.cumsum(table.sum(axis=0)) <= 10).sum())
    table = np.column_stack([table[:, :few].sum(axis=1), table[:, few:]])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] > 1:
        assert chi2_contingency(table).pvalue > LEVEL


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_saved_averages(backend: LRETBackend, seed: int) -> None:
    """Averages over the shots come near the exact state, as near as shots let them."""
    circuit = random_dynamic_circuit(seed)
    exact = average_state(circuit)
    circuit.save_density_matrix()
    rho = backend.run(circuit, shots=400, seed_simulator=seed).result().data(0)["density_matrix"]
    assert np.abs(rho.data - exact).max() < 6 / np.sqrt(400)
    assert rho.trace() == pytest.approx(1)


def test_teleportation_saves_the_state_in_every_history(backend: LRETBackend) -> None:
    """Whatever is measured, the corrections bring the state over: no shot noise is left."""
    state = random_statevector(2, seed=4)
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "c"))
    circuit.initialize(state, 0)
    circuit.h(1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(2)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.z(2)
    circuit.save_density_matrix([2], label="rho", conditional=True)
    circuit.save_density_matrix([2], label="all")
    data = backend.run(circuit, shots=100, seed_simulator=3).result().data(0)
    assert set(data["rho"]) == {"0x0", "0x1", "0x2", "0x3"}
    for rho in (*data["rho"].values(), data["all"]):
        np.testing.assert_allclose(rho.data, state.to_operator().data, atol=1e-12)


def test_a_single_shot_is_one_history(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(1)
    circuit.save_statevector()
    result = backend.run(circuit, shots=1, seed_simulator=8).result()
    outcome = int(next(iter(result.get_counts())))
    vector = result.data(0)["statevector"]
    assert vector == Statevector.from_label(f"{outcome}{outcome}")


def test_aers_marks_and_jumps(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    jump = AerJump("far", 2, 2).set_conditional((circuit.clbits[0], 1))
    circuit.append(jump, [0, 1], [0, 1])
    circuit.x(1)
    circuit.append(AerMark("far", 2, 2), [0, 1], [0, 1])
    circuit.measure(1, 1)
    assert backend.run(circuit, shots=7).result().get_counts() == {"01": 7}


def test_openqasm_3_programs() -> None:
    text = """
        OPENQASM 3.0;
        include "stdgates.inc";
        bit[2] c;
        qubit[2] q;
        x q[0];
        c[0] = measure q[0];
        if (c[0]) { x q[1]; } else { h q[1]; }
        while (c == 1) { c[1] = measure q[1]; }
    """
    circuit = qasm3.loads(text)
    assert LRETBackend().run(circuit, shots=9).result().get_counts() == {"11": 9}


def test_floating_point_variables() -> None:
    circuit = QuantumCircuit(1, 2)
    number = circuit.add_var("number", expr.lift(0.75, types.Float()))
    circuit.store(number, expr.mul(number, 2.0))
    circuit.store(circuit.clbits[0], expr.less(1.4, number))
    circuit.store(circuit.clbits[1], expr.less(1.6, number))
    assert LRETBackend().run(circuit, shots=3).result().get_counts() == {"01": 3}


def test_bits_of_registers_are_written_by_a_number_known_late() -> None:
    circuit = QuantumCircuit(1)
    register = ClassicalRegister(4, "c")
    circuit.add_register(register)
    place = circuit.add_var("place", expr.lift(2, types.Uint(4)))
    circuit.store(expr.index(register, place), expr.lift(True))
    circuit.store(place, expr.div(expr.add(place, 4), 2))
    circuit.store(expr.index(register, place), expr.lift(True))
    assert LRETBackend().run(circuit, shots=2).result().get_counts() == {"1100": 2}


@needs_qiskit(5, "has no loops over a variable")
def test_a_loop_over_a_variable() -> None:
    index = expr.Var.new("index", types.Uint(3))
    body = QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(3, "c"), inputs=[index])
    for bit in range(3):
        body.store(body.clbits[bit], expr.index(index, bit))
    circuit = QuantumCircuit(1, 3)
    circuit.for_loop([1, 2, 6], index, body, [0], [0, 1, 2])
    assert LRETBackend().run(circuit, shots=2).result().get_counts() == {"110": 2}


def test_bits_without_registers() -> None:
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit(), Clbit()])
    circuit.x(0)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.clbits[1], True)):
        circuit.x(1)
    circuit.measure(1, 0)
    assert LRETBackend().run(circuit, shots=4).result().get_counts() == {"11": 4}


def test_input_variables_need_a_value() -> None:
    circuit = QuantumCircuit(1, 1, inputs=[expr.Var.new("angle", types.Uint(4))], name="open")
    with pytest.raises(ValueError, match="'open' has input variables without a value: angle"):
        LRETBackend().run(circuit)


def test_stretches_are_refused_by_name() -> None:
    circuit = QuantumCircuit(1, 1)
    stretch = circuit.add_stretch("s")
    with circuit.if_test(expr.less(stretch, stretch)):
        circuit.x(0)
    with pytest.raises(UnsupportedOperationError, match="with a stretch is not supported"):
        LRETBackend().run(circuit)


def test_a_break_outside_of_a_loop() -> None:
    from qiskit.circuit import BreakLoopOp

    circuit = QuantumCircuit(1)
    circuit.append(BreakLoopOp(1, 0), [0])
    with pytest.raises(ValueError, match="'break_loop' stands outside of a loop"):
        LRETBackend().run(circuit)


def test_one_measurement_of_several_qubits() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.x(1)
    circuit.append(Instruction("measure", 2, 2, []), [0, 1], [1, 0])
    assert LRETBackend().run(circuit, shots=4).result().get_counts() == {"01": 4}


def test_values_saved_in_a_loop_add_up() -> None:
    circuit = QuantumCircuit(1)
    with circuit.for_loop(range(3)):
        circuit.save_probabilities(label="each", pershot=True)
        circuit.save_probabilities(label="mean")
        circuit.x(0)
    data = LRETBackend().run(circuit, shots=2).result().data(0)
    np.testing.assert_allclose(data["each"], [[1, 0], [0, 1], [1, 0]] * 2)
    np.testing.assert_allclose(data["mean"], [2 / 3, 1 / 3])
