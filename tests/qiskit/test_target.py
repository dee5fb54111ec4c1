"""What the transpiler is told, and that transpiled circuits mean what they meant."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import (
    DiagonalGate,
    MCXGate,
    PauliGate,
    PermutationGate,
    QFTGate,
    UCGate,
    UnitaryGate,
    YGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import Kraus, SparsePauliOp, SuperOp, random_clifford, random_unitary
from qiskit.transpiler import CouplingMap, generate_preset_pass_manager
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_version import needs_qiskit

import lret_dist
from lret_qiskit import LRETBackend, NoiseModelImporter
from lret_qiskit.backends.target import build_target

# Before version 2.1 Qiskit warns of what its own transpiler calls.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

LEVELS = range(4)
CHAIN = {"coupling_map": [[0, 1], [1, 2]]}
MIXED_TARGETS = needs_qiskit(3, "cannot optimise for some operations on any qubits, some on pairs")
CONTROL_FLOW = {"if_else", "for_loop", "while_loop", "switch_case", "box"}
CHANNELS = {"kraus", "superop", "quantum_channel"}
SAVES = {
    "save_amplitudes_sq",
    "save_density_matrix",
    "save_expval",
    "save_expval_var",
    "save_probabilities",
    "save_probabilities_dict",
    "save_state",
    "save_statevector",
    "set_density_matrix",
    "set_statevector",
}


def names(circuit: QuantumCircuit) -> set[str]:
    return set(circuit.count_ops())


def test_one_entry_for_all_qubits() -> None:
    target = build_target(28)
    assert target.num_qubits == 28
    # Entries for each pair of qubits would take seconds to make.
    assert len(target.instructions) == len(target.operation_names)
    assert set(get_standard_gate_name_mapping()) <= target.operation_names
    wide = {"unitary", "diagonal", "initialize", "multiplexer", "mcx", "mcphase", "mcu1"}
    assert wide <= target.operation_names
    assert {"pauli", "sx"} <= build_target(28, ["pauli", "sx"]).operation_names
    assert CONTROL_FLOW | {"break_loop", "continue_loop", "store"} <= target.operation_names
    assert target.operation_names >= CHANNELS | SAVES


def dynamic() -> QuantumCircuit:
    bits = ClassicalRegister(4, "c")
    circuit = QuantumCircuit(QuantumRegister(4, "q"), bits)
    number = circuit.add_var("number", expr.lift(3, types.Uint(4)))
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((bits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.y(2)
    with circuit.while_loop((bits[1], 0)):
        circuit.h(1)
        circuit.measure(1, 1)
    with circuit.for_loop(range(3)):
        circuit.rx(0.1, 2)
        with circuit.if_test((bits[0], 1)):
            circuit.break_loop()
        circuit.continue_loop()
    with circuit.switch(bits) as case:
        with case(0):
            circuit.x(3)
        with case(case.DEFAULT):
            circuit.h(3)
    with circuit.box():
        circuit.cx(0, 3)
    circuit.store(number, expr.bit_and(number, bits))
    circuit.reset(2)
    circuit.delay(10, 3)
    circuit.barrier()
    return circuit


@pytest.mark.parametrize("level", LEVELS)
def test_dynamic_circuits_are_kept(level: int) -> None:
    circuit = dynamic()
    backend = LRETBackend()
    kept = transpile(circuit, backend, optimization_level=level)
    assert names(circuit) - {"y", "rx"} <= names(kept)
    passes = generate_preset_pass_manager(backend=backend, optimization_level=level)
    assert names(passes.run(circuit)) >= CONTROL_FLOW
    noisy = LRETBackend(noise_model=NoiseModel(basis_gates=["rz", "sx", "cz"]))
    kept = transpile(circuit, noisy, optimization_level=level)
    assert CONTROL_FLOW | {"store", "measure", "reset", "delay"} <= names(kept)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("options", [{}, pytest.param(CHAIN, marks=MIXED_TARGETS)])
def test_saves_and_channels_are_kept(level: int, options) -> None:
    paulis = SparsePauliOp(["ZZ", "XI"])
    circuit = QuantumCircuit(3)
    circuit.set_statevector(np.eye(8)[0])
    circuit.set_density_matrix(np.eye(8) / 8)
    circuit.append(Kraus([np.eye(2) * 0.6, np.diag([0.8, -0.8])]), [2])
    circuit.append(SuperOp(np.eye(4)), [0])
    circuit.append(depolarizing_error(0.1, 2), [0, 1])
    circuit.save_density_matrix(label="a")
    circuit.save_state(label="b")
    circuit.save_statevector(label="c")
    circuit.save_expectation_value(paulis, [0, 1], label="d")
    circuit.save_expectation_value_variance(paulis, [0, 1], label="e")
    circuit.save_probabilities(label="f")
    circuit.save_probabilities_dict(label="g")
    circuit.save_amplitudes_squared([0, 1], label="h")
    kept = transpile(circuit, LRETBackend(**options), optimization_level=level)
    assert SAVES | {"kraus", "quantum_channel"} <= names(kept)


def multi_qubit() -> QuantumCircuit:
    """Gates of every kind that is not a standard gate."""
    circuit = QuantumCircuit(5)
    circuit.h(range(5))
    circuit.append(UCGate([random_unitary(2, seed=i).data for i in range(4)]), [0, 1, 2])
    circuit.append(PermutationGate([2, 0, 1, 3]), range(4))
    circuit.mcx([0, 1, 2, 3], 4)
    circuit.mcp(0.2, [0, 1, 2], 3)
    circuit.append(MCXGate(3, ctrl_state=2), range(4))
    circuit.append(YGate().control(3, annotated=True), range(4))
    circuit.append(random_clifford(4, seed=1), range(4))
    circuit.append(QFTGate(4), range(4))
    circuit.append(UnitaryGate(random_unitary(8, seed=1)), range(3))
    circuit.append(PauliGate("XYZ"), range(3))
    circuit.append(DiagonalGate([1, -1, 1j, 1]), [0, 2])
    circuit.initialize([1, 1j], 4, normalize=True)
    circuit.reset(1)
    circuit.delay(10, 1)
    circuit.save_density_matrix()
    circuit.save_probabilities([0])
    return circuit


@pytest.mark.parametrize("level", LEVELS)
def test_transpiled_circuits_mean_the_same(level: int) -> None:
    circuit = multi_qubit()
    backend = LRETBackend(epsilon=0)
    kept = transpile(circuit, backend, optimization_level=level)
    one, other = (backend.run(c, shots=1).result().data(0) for c in (circuit, kept))
    for key in ("density_matrix", "probabilities"):
        np.testing.assert_allclose(np.asarray(one[key]), np.asarray(other[key]), atol=1e-10)


@pytest.mark.parametrize("level", LEVELS)
def test_wide_gates_never_become_matrices(level: int) -> None:
    """A matrix of 18 qubits would take a terabyte, one of 12 already 268 MB."""
    width = 18
    circuit = QuantumCircuit(width + 1, 1)
    circuit.mcx(list(range(width)), width)
    circuit.mcp(0.1, list(range(width)), width)
    circuit.append(PermutationGate(list(range(width))[::-1]), range(width))
    circuit.append(PauliGate("XYZ" * 6), range(width))
    circuit.append(MCXGate(11, ctrl_state=3), range(12))
    circuit.append(QFTGate(12), range(12))
    circuit.append(random_clifford(12, seed=1), range(12))
    circuit.measure(0, 0)
    tracemalloc.start()
    kept = transpile(circuit, LRETBackend(), optimization_level=level)
    LRETBackend().plan(kept, mpi_ranks=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


def test_noise_model_sets_the_basis() -> None:
    model = NoiseModel(basis_gates=["rz", "sx", "cz"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "sx")
    backend = LRETBackend(noise_model=model)
    assert {"rz", "sx", "cz", "measure", "reset"} <= set(backend.operation_names)
    assert not {"h", "cx", "unitary"} & set(backend.operation_names)
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    assert names(transpile(circuit, backend)) <= {"rz", "sx", "cz"}
    backend.set_options(noise_model=NoiseModelImporter.import_noise_model(model))
    assert "h" not in backend.operation_names
    backend.set_options(noise_model=lret_dist.NoiseModel())
    assert "h" in backend.operation_names


@pytest.mark.parametrize("level", LEVELS)
def test_coupling_map_and_basis_are_kept(level: int) -> None:
    edges = [(0, 1), (1, 2), (2, 3)]
    backend = LRETBackend(coupling_map=CouplingMap(edges), basis_gates=["cx", "rz", "sx"])
    assert (backend.num_qubits, list(backend.coupling_map)) == (4, edges)
    circuit = QuantumCircuit(4)
    circuit.h(0)
    circuit.ccx(3, 0, 2)
    circuit.cx(3, 0)
    circuit.measure_all()
    kept = transpile(circuit, backend, optimization_level=level, seed_transpiler=1)
    assert names(kept) <= {"cx", "rz", "sx", "measure", "barrier"}
    used = {
        tuple(kept.find_bit(q).index for q in each.qubits) for each in kept.get_instructions("cx")
    }
    assert used <= set(edges)
    assert backend.run(kept, seed_simulator=1).result().success
    # The options may also change later, and none is none.
    backend.set_options(coupling_map=None, basis_gates=None)
    assert (backend.num_qubits, backend.coupling_map) == (28, None)


GATES_ON_TWO = [
    name for name, gate in get_standard_gate_name_mapping().items() if gate.num_qubits == 2
]


@pytest.mark.parametrize("name", GATES_ON_TWO)
def test_every_gate_on_two_qubits_is_routed(name: str) -> None:
    backend = LRETBackend(coupling_map=[[0, 1], [1, 2]])
    gate = get_standard_gate_name_mapping()[name].to_mutable()
    gate.params = [0.3 + i for i in range(len(gate.params))]
    circuit = QuantumCircuit(3)
    for pair in ([2, 0], [1, 0], [1, 2]):
        circuit.append(gate, pair)
    kept = transpile(circuit, backend, optimization_level=1, seed_transpiler=1)
    neighbours = {(0, 1), (1, 0), (1, 2), (2, 1)}
    pairs = [tuple(kept.find_bit(q).index for q in each.qubits) for each in kept.data]
    assert {pair for pair in pairs if len(pair) == 2} <= neighbours


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"coupling_map": "line"}, TypeError, "coupling_map must be a CouplingMap or a list of"),
        ({"coupling_map": []}, ValueError, "coupling_map needs pairs of qubits"),
        ({"coupling_map": [[0, -1]]}, ValueError, "coupling_map needs pairs of qubits"),
        ({"basis_gates": "cx"}, TypeError, "basis_gates must be a list of gates' names"),
    ],
)
def test_wrong_shapes(bell: QuantumCircuit, options, error, message: str) -> None:
    for call in (
        lambda: LRETBackend(**options),
        lambda: LRETBackend().set_options(**options),
        lambda: LRETBackend().run(bell, **options),
    ):
        with pytest.raises(error, match=message):
            call()


def test_a_basis_takes_initialize_apart() -> None:
    """Else the noise of the basis would not act on the preparation of a state."""
    noise = NoiseModel(basis_gates=["rz", "sx", "cx"])
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), "sx")
    circuit = QuantumCircuit(2)
    circuit.initialize([0.5, 0.5, 0.5, -0.5], [0, 1])
    for options in ({"noise_model": noise}, {"basis_gates": ["rz", "sx", "cx"]}):
        written = transpile(circuit, LRETBackend(**options), optimization_level=1)
        assert set(written.count_ops()) == {"rz", "sx", "cx", "reset"}
    assert "initialize" in transpile(circuit, LRETBackend(), optimization_level=0).count_ops()
