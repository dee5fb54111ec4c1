"""Noise passes give Qiskit Aer's density matrix, wherever in a circuit they act."""

import json
from pathlib import Path

import numpy as np
import pytest
from aer_reference import aer_data
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Instruction, Parameter
from qiskit.circuit.library import CXGate, RXGate, SXGate, UnitaryGate, XGate
from qiskit.quantum_info import Operator
from qiskit.transpiler import InstructionProperties, PassManager, Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    amplitude_damping_error,
    pauli_error,
    thermal_relaxation_error,
)
from qiskit_aer.noise.passes import LocalNoisePass, RelaxationNoisePass

from lret_dist import UnsupportedOperationError
from lret_qiskit import LRETBackend, NoiseModelImporter
from lret_qiskit.noise.aer_model import noise_passes, pass_arguments
from lret_qiskit.noise.imported import ImportedNoiseModel
from lret_qiskit.noise.passes import with_noise_passes

T1S, T2S = [50e-6, 80e-6, 20e-6], [30e-6, 100e-6, 40e-6]


@pytest.fixture(scope="module")
def backend() -> LRETBackend:
    return LRETBackend(epsilon=0)


def with_passes(*passes) -> NoiseModel:
    """Aer's own model with passes, which it has no public way to give it."""
    model = NoiseModel()
    model._custom_noise_passes.extend(passes)
    return model


def rho_of(backend: LRETBackend, circuit: QuantumCircuit, noise=None) -> np.ndarray:
    saved = circuit.copy()
    saved.save_density_matrix(label="rho")
    return backend.run(saved, noise_model=noise, shots=1).result().data(0)["rho"].data


def aer_rho(circuit: QuantumCircuit, noise: NoiseModel | None = None) -> np.ndarray:
    saved = circuit.copy()
    saved.save_density_matrix(label="rho")
    return aer_data(saved, noise)["rho"].data


def waiting_circuit() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.cx(0, 1)
    circuit.delay(20, 0, unit="us")
    circuit.delay(5000, 1)
    circuit.delay(1e-5, 2, unit="s")
    circuit.cx(1, 2)
    return circuit


@pytest.mark.parametrize("excited", [None, [0.1, 0.0, 0.3]])
def test_relaxation_during_delays(backend: LRETBackend, excited: list | None) -> None:
    model = with_passes(RelaxationNoisePass(T1S, T2S, 1e-9, Delay, excited))
    ours = rho_of(backend, waiting_circuit(), model)
    np.testing.assert_allclose(ours, aer_rho(waiting_circuit(), model), atol=1e-9)


def test_relaxation_after_gates(backend: LRETBackend) -> None:
    target = Target(num_qubits=3)
    target.add_instruction(
        CXGate(), {pair: InstructionProperties(duration=1e-6) for pair in [(0, 1), (1, 2)]}
    )
    target.add_instruction(XGate(), {(0,): InstructionProperties(duration=3e-6)})
    relaxation = RelaxationNoisePass(T1S, T2S, 1e-9, (CXGate, XGate), target=target)
    circuit = waiting_circuit()
    circuit.x(0)
    model = with_passes(relaxation)
    expected = aer_rho(circuit, model)
    np.testing.assert_allclose(rho_of(backend, circuit, model), expected, atol=1e-9)
    again = ImportedNoiseModel.from_dict(NoiseModelImporter.import_noise_model(model).to_dict())
    np.testing.assert_allclose(rho_of(backend, circuit, again), expected, atol=1e-9)


def local_noise(instruction, qubits):
    """Noise that depends on the angle and on the qubit."""
    return amplitude_damping_error(0.1 * (qubits[0] + 1) * abs(instruction.params[0]) / np.pi)


@pytest.mark.parametrize("method", ["append", "prepend", "replace"])
def test_passes_of_the_users_own(backend: LRETBackend, method: str) -> None:
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.h(qubit)
        circuit.rx(0.3 + qubit, qubit)
    local = LocalNoisePass(local_noise, op_types=RXGate, method=method)
    expected = aer_rho(PassManager([local]).run(circuit))
    np.testing.assert_allclose(rho_of(backend, circuit, with_passes(local)), expected, atol=1e-9)


def test_passes_act_in_their_order(backend: LRETBackend) -> None:
    first = LocalNoisePass(lambda *_: amplitude_damping_error(0.3), op_types=Delay)
    second = LocalNoisePass(lambda *_: SXGate(), op_types=Delay)
    circuit = waiting_circuit()
    results = []
    for passes in ([first, second], [second, first]):
        model = with_passes(*passes)
        results.append(rho_of(backend, circuit, model))
        np.testing.assert_allclose(results[-1], aer_rho(circuit, model), atol=1e-9)
    assert np.abs(results[0] - results[1]).max() > 0.01


def test_delays_in_blocks(backend: LRETBackend) -> None:
    """A block counts its qubits anew; relaxation is that of the circuit's."""
    model = with_passes(RelaxationNoisePass(T1S, T2S, 1e-9, Delay))
    circuit, flat = QuantumCircuit(3, 1), QuantumCircuit(3, 1)
    for each in (circuit, flat):
        each.x([0, 1, 2])
        each.measure(0, 0)
    inner = QuantumCircuit(1)
    inner.delay(30, 0, unit="us")
    with circuit.if_test((0, 1)):
        circuit.delay(40, 2, unit="us")
        with circuit.for_loop(range(2)):
            circuit.append(inner.to_instruction(), [1])
    flat.delay(40, 2, unit="us")
    flat.delay(30, 1, unit="us")
    flat.delay(30, 1, unit="us")
    expected = rho_of(backend, flat, model)
    np.testing.assert_allclose(rho_of(backend, circuit, model), expected, atol=1e-9)
    decayed = 1 - np.exp(-40e-6 / T1S[2])
    # Qubit 2 of 0 with the others in 1.
    total = sum(expected[i, i].real for i in range(8) if not i & 4)
    assert total == pytest.approx(decayed, abs=1e-9)


def relaxing(op_types: object = Delay) -> NoiseModel:
    return with_passes(RelaxationNoisePass([1e-6] * 2, [1e-6] * 2, 1e-9, op_types))


def composite(name: str) -> Instruction:
    inner = QuantumCircuit(1, name=name)
    inner.delay(1000, 0)
    return inner.to_instruction()


def test_delays_that_depend_on_a_loop(backend: LRETBackend) -> None:
    circuit, body, inner = QuantumCircuit(2), QuantumCircuit(2), QuantumCircuit(1)
    wait, angle = Parameter("wait"), Parameter("angle")
    inner.delay(2 * wait, 0)
    body.append(inner.to_instruction(), [1])
    body.for_loop((1, 2), angle, rotation_and_delay(angle, wait), [0], [])
    circuit.x([0, 1])
    circuit.for_loop((100, 300), wait, body, [1, 0], [])
    flat = QuantumCircuit(2)
    flat.x([0, 1])
    for value in (100, 300):
        flat.delay(2 * value, 0)
        for turn in (1, 2):
            flat.append(rotation_and_delay(turn, value), [1])
    expected = aer_rho(flat.decompose(), relaxing())
    assert expected[0, 0].real > 0.1
    np.testing.assert_allclose(rho_of(backend, circuit, relaxing()), expected, atol=1e-9)


def rotation_and_delay(angle: object, wait: object) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.rx(angle, 0)
    circuit.delay(wait, 0)
    return circuit


@pytest.mark.parametrize("jump", ["break_loop", "continue_loop"])
def test_jumps_in_loops_with_delays(jump: str) -> None:
    circuit, wait = QuantumCircuit(1, 1), Parameter("wait")
    with circuit.for_loop((100, 200, 300), wait):
        circuit.x(0)
        circuit.measure(0, 0)
        with circuit.if_test((0, 0)):
            getattr(circuit, jump)()
        circuit.delay(wait, 0)
    circuit.save_density_matrix(label="rho")
    theirs = AerSimulator(method="density_matrix", noise_model=relaxing(), seed_simulator=1)
    ours = LRETBackend(noise_model=relaxing(), seed_simulator=1)
    found, expected = (
        backend.run(circuit, shots=4000).result().data(0)["rho"].data for backend in (ours, theirs)
    )
    np.testing.assert_allclose(found, expected, atol=0.04)


def test_a_break_and_a_continue(backend: LRETBackend) -> None:
    circuit, wait = QuantumCircuit(1, 1, name="both"), Parameter("wait")
    with circuit.for_loop((1, 2), wait):
        circuit.delay(wait, 0)
        with circuit.if_test((0, 1)) as otherwise:
            circuit.break_loop()
        with otherwise:
            circuit.continue_loop()
    with pytest.raises(ValueError, match=r"'both': a loop has a break, a continue, and .* 'wait'"):
        rho_of(backend, circuit, relaxing())


def test_functions_of_the_loops_parameter(backend: LRETBackend) -> None:
    circuit, flat, angle = QuantumCircuit(2), QuantumCircuit(2), Parameter("angle")
    with circuit.for_loop((1, 2), angle):
        circuit.rx(angle, 1)
    flat.rx(1, 1)
    flat.rx(2, 1)
    model = with_passes(LocalNoisePass(local_noise, op_types=RXGate))
    expected = rho_of(backend, flat, model)
    np.testing.assert_allclose(rho_of(backend, circuit, model), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["x", "wait", "*"])
def test_names_of_composites_with_delays(backend: LRETBackend, name: str) -> None:
    """Other instructions of that name or label keep their noise."""
    model, noisy = relaxing(), "wait" if name == "wait" else "x"
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.3), ("I", 0.7)]), noisy)
    circuit, flat = QuantumCircuit(1), QuantumCircuit(1)
    for each in (circuit, flat):
        each.append(XGate(label="wait" if name == "wait" else None), [0])
    circuit.append(composite(name), [0])
    flat.delay(1000, 0)
    expected = aer_rho(flat, model)
    assert expected[1, 1].real == pytest.approx(0.7 * np.exp(-1))
    np.testing.assert_allclose(rho_of(backend, circuit, model), expected, atol=1e-9)


def test_control_flow_itself_has_no_noise(backend: LRETBackend) -> None:
    seen = []

    def flipped(instruction, qubits):
        seen.append((instruction.name, tuple(qubits)))
        return pauli_error([("X", 0.1), ("I", 0.9)]) if instruction.name == "x" else None

    circuit = QuantumCircuit(3, 1)
    circuit.h(0)
    with circuit.if_test((0, 0)):
        circuit.x(2)
        with circuit.for_loop(range(2)):
            circuit.x(1)
    circuit.h(1)
    rho_of(backend, circuit, with_passes(LocalNoisePass(flipped)))
    assert [each for each in seen if each[0] in "hx"] == [
        ("h", (0,)),
        ("x", (2,)),
        ("x", (1,)),
        ("h", (1,)),
    ]
    assert not {"if_else", "for_loop"} & {name for name, _ in seen}


@pytest.mark.filterwarnings("ignore:Instruction duration not found")
def test_a_box_waits_once(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(1)
    circuit.x(0)
    with circuit.box(duration=500, unit="dt"):
        circuit.delay(500, 0)
    found = rho_of(backend, circuit, relaxing(None))
    assert found[1, 1].real == pytest.approx(np.exp(-0.5))


def test_delays_of_unknown_duration(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(1, 1, name="flexible")
    with circuit.if_test((0, 0)):
        circuit.delay(circuit.add_stretch("gap"), 0)
    with pytest.raises(UnsupportedOperationError, match=r"'flexible': .* delay is an expression"):
        rho_of(backend, circuit, relaxing())
    unbound = QuantumCircuit(1, name="unbound")
    unbound.delay(Parameter("wait"), 0)
    model = NoiseModelImporter.import_noise_model(relaxing())
    with pytest.raises(ValueError, match=r"'unbound': .* is the parameter wait, which has no"):
        with_noise_passes(unbound, model)


def test_circuits_without_delays_are_left_alone(backend: LRETBackend) -> None:
    model = with_passes(RelaxationNoisePass(T1S, T2S, 1e-9, Delay))
    circuit = QuantumCircuit(5)
    circuit.append(UnitaryGate(Operator(CXGate())), [4, 3])
    np.testing.assert_allclose(rho_of(backend, circuit, model), rho_of(backend, circuit))


def test_what_a_pass_refuses(backend: LRETBackend) -> None:
    model = with_passes(RelaxationNoisePass(T1S, T2S, None, Delay))
    with pytest.raises(ValueError, match=r"a noise pass failed: .*without a dt time set"):
        rho_of(backend, waiting_circuit(), model)


def test_aer_keeps_passes_where_they_are_looked_for() -> None:
    """Fails when a version of Qiskit Aer keeps passes, or their parameters, elsewhere."""
    times = (1e-4, 1e-5)
    relaxation = RelaxationNoisePass([times[0]], [times[1]], 2e-9, Delay, [0.25], Target())
    found = pass_arguments(relaxation)
    assert (found.t1s, found.t2s, found.dt) == ((times[0],), (times[1],), 2e-9)
    assert found.op_types == (Delay,)
    assert found.excited_state_populations == (0.25,)
    assert found.target is not None
    model = with_passes(relaxation)
    assert noise_passes(model) == (relaxation,)
    assert not model.is_ideal()
    assert pass_arguments(LocalNoisePass(local_noise)) is None


def test_a_version_of_aer_with_other_attributes() -> None:
    relaxation = RelaxationNoisePass(T1S, T2S)
    del relaxation._t1s
    with pytest.raises(TypeError, match="in places that LRET does not know: it has no _t1s"):
        pass_arguments(relaxation)


PASSES = {
    "delays": RelaxationNoisePass([1e-4, np.inf], [2e-4, np.inf], 2.2e-10, Delay, [0.1, 0.0]),
    "no dt": RelaxationNoisePass([1e-4], [1e-4], op_types=(Delay, XGate)),
    "everything": RelaxationNoisePass([0.1 + 0.2], [1 / 3], 1 / 7),
}


@pytest.mark.parametrize("kind", PASSES)
def test_relaxation_as_plain_data(kind: str) -> None:
    model = ImportedNoiseModel(passes=(PASSES[kind],), basis_gates=("x", "delay"))
    again = ImportedNoiseModel.from_dict(model.to_dict())
    assert pass_arguments(again.passes[0]) == pass_arguments(PASSES[kind])
    assert again.basis_gates == ("x", "delay")
    assert again.to_dict() == model.to_dict()


def test_passes_that_cannot_be_kept() -> None:
    class Mine(XGate):
        pass

    relaxation = RelaxationNoisePass(T1S, T2S, op_types=Mine)
    own = LocalNoisePass(local_noise)
    for kept, message in (
        (own, r"passes\[1\]: a LocalNoisePass cannot be written"),
        (relaxation, r"passes\[1\]: relaxation after instructions of class 'Mine' cannot"),
    ):
        with pytest.raises(ValueError, match=message):
            ImportedNoiseModel(passes=(PASSES["delays"], kept)).to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "local"}, r"passes\[0\]\.kind: expected 'relaxation', got 'local'"),
        ({"func": "os.system"}, r"passes\[0\]: unknown key 'func'"),
        ({"t1": [1e-4]}, r"passes\[0\]: t1, t2 and excited must have one length, got 1, 2, 2"),
        ({"t1": [0, 1]}, r"passes\[0\]\.t1\[0\]: expected a positive number of seconds, got 0"),
        ({"t2": [1.0, None]}, r"passes\[0\]: qubit 0: .*T_2"),
        ({"excited": [2, 0]}, r"passes\[0\]: qubit 0: .*population"),
        ({"excited": [0, 5]}, r"passes\[0\]: qubit 1: .*population"),
        ({"dt": -1}, r"passes\[0\]\.dt: expected a positive number"),
        ({"dt": "1"}, r"passes\[0\]\.dt: expected a number, got '1'"),
        ({"instructions": []}, r"passes\[0\]\.instructions: expected 1 to"),
        ({"instructions": ["Popen"]}, r"instructions\[0\]: unknown class of instructions 'Popen'"),
        ({"durations": [{"instruction": "x"}]}, r"durations\[0\]: 'qubits' is missing"),
        (
            {"durations": 2 * [{"instruction": "x", "qubits": [0], "seconds": 1}]},
            r"durations\[1\]: this duration is there already",
        ),
    ],
)
def test_what_is_wrong_and_where(change: dict, message: str) -> None:
    document = ImportedNoiseModel(passes=(PASSES["delays"],)).to_dict()
    document["passes"][0].update(change)
    with pytest.raises(ValueError, match=message):
        ImportedNoiseModel.from_dict(document)


def test_a_device_through_json(tmp_path) -> None:
    runtime = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    model = NoiseModelImporter.from_backend(runtime.FakeManilaV2())
    model.to_json(tmp_path / "manila.json")
    again = NoiseModelImporter.from_json(tmp_path / "manila.json")
    assert again.to_dict() == model.to_dict()
    circuit = QuantumCircuit(2)
    circuit.sx([0, 1])
    circuit.delay(10, 0, unit="us")
    circuit.cx(0, 1)
    backend = LRETBackend(epsilon=0)
    np.testing.assert_array_equal(rho_of(backend, circuit, again), rho_of(backend, circuit, model))


def test_relaxation_is_that_of_the_error(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    explicit = circuit.copy()
    explicit.append(thermal_relaxation_error(T1S[0], T2S[0], 2e-5), [0])
    circuit.delay(20, 0, unit="us")
    model = with_passes(RelaxationNoisePass(T1S, T2S, None, Delay))
    np.testing.assert_allclose(
        rho_of(backend, circuit, model), rho_of(backend, explicit), atol=1e-12
    )


def test_the_document_in_the_manual() -> None:
    text = (Path(__file__).parents[2] / "docs/noise_models.md").read_text()
    document = json.loads(text.split("```json")[1].split("```")[0])
    model = ImportedNoiseModel.from_dict(document)
    again = ImportedNoiseModel.from_dict(model.to_dict())
    assert again.to_dict()["passes"] == document["passes"]
    assert again.basis_gates == ("cx", "delay", "id", "measure", "x")
