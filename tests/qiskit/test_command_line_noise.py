"""``lret run --noise``: files, rates and devices."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from command_line import CLUSTER, RATES, brick_wall, lret, refused
from qiskit import QuantumCircuit, qasm2, qpy, transpile
from qiskit.circuit.library import DiagonalGate
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel as AerNoise
from qiskit_aer.noise import depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from lret_qiskit import LRETBackend, NoiseModelImporter
from lret_qiskit.cli.fake_devices import fake_device


@pytest.mark.parametrize("kind", ["rates", "aer", "lret"])
def test_noise(
    tmp_path: Path, ghz: QuantumCircuit, ghz_file: Path, ghz_noise: AerNoise, kind: str
) -> None:
    path = tmp_path / "noise.json"
    if kind == "aer":
        path.write_text(json.dumps(ghz_noise.to_dict(serializable=True)))
    elif kind == "lret":
        NoiseModelImporter.import_noise_model(ghz_noise).to_json(path)
    named = RATES if kind == "rates" else path
    document = json.loads(lret("run", ghz_file, "--noise", named, "--seed", 5).stdout)
    result = LRETBackend(noise_model=ghz_noise).run(ghz, seed_simulator=5).result()
    assert document["counts"] == result.get_counts()
    assert len(document["counts"]) > 2


def test_rates_hold_in_the_blocks_of_control_flow(tmp_path: Path) -> None:
    path = tmp_path / "if.qasm"
    path.write_text(
        'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c; bit[1] d;'
        "h q[0]; c[0] = measure q[0]; if (c[0]) { x q[0]; } d[0] = measure q[0];"
    )
    words = ("run", path, "--noise", "depolarizing:0.5,0", "--shots", 4000, "--seed", 1)
    counts = json.loads(lret(*words).stdout)["counts"]
    # X has an error: a quarter of all shots, half of which are flipped or lose their phase.
    assert 0.1 < counts["1 1"] / 4000 < 0.16
    assert counts.get("1 0", 0) == 0


@pytest.mark.parametrize("kind", ["gate", "instruction"])
def test_rates_hold_in_what_a_file_defines(tmp_path: Path, kind: str) -> None:
    inner = QuantumCircuit(2, name="inner")
    inner.cx(0, 1)
    circuit = QuantumCircuit(2, 2)
    circuit.append(inner.to_gate() if kind == "gate" else inner.to_instruction(), [0, 1])
    circuit.measure([0, 1], [0, 1])
    path = tmp_path / "inner.qpy"
    with path.open("wb") as opened:
        qpy.dump(circuit, opened)
    words = ("run", path, "--noise", "depolarizing:0,1", "--shots", 4000, "--seed", 1)
    counts = json.loads(lret(*words).stdout)["counts"]
    # What depolarizes for sure leaves nothing but chance.
    assert [0.2 < times / 4000 < 0.3 for times in counts.values()] == [True] * 4


def test_rates_know_gates_on_two_qubits_at_most(tmp_path: Path) -> None:
    path = tmp_path / "toffoli.qasm"
    path.write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; ccx q[0],q[1],q[2];')
    assert "the circuit has ccx on 3" in refused("run", path, "--noise", RATES)


def test_rates_know_no_gate_that_is_taken_apart(tmp_path: Path) -> None:
    circuit = QuantumCircuit(7)
    circuit.append(DiagonalGate([1] * 127 + [-1]), range(7))
    path = tmp_path / "wide.qpy"
    with path.open("wb") as file:
        qpy.dump(circuit, file)
    said = refused("run", path, "--noise", RATES)
    assert "write it in gates of at most two qubits" in said


def device_values(circuit: QuantumCircuit, device: BackendV2, *paulis: str) -> list[float]:
    """Expectation values by Qiskit Aer's density matrix, compiled as the command compiles."""
    simulated = LRETBackend.from_backend(device)
    compiled = transpile(circuit, simulated, seed_transpiler=0)
    for pauli in paulis:
        operator = SparsePauliOp(pauli).apply_layout(compiled.layout)
        compiled.save_expectation_value(operator, range(device.num_qubits), label=pauli)
    aer = AerSimulator(method="density_matrix", noise_model=AerNoise.from_backend(device))
    data = aer.run(compiled).result().data(0)
    return [data[pauli] for pauli in paulis]


def test_a_fake_device(tmp_path: Path) -> None:
    circuit = QuantumCircuit(3, 3, name="ghz")
    circuit.h(1)
    circuit.cx(1, [0, 2])
    circuit.rx(0.4, 0)
    expected = device_values(circuit, FakeManilaV2(), "XYX", "ZIZ", "IIZ")
    circuit.measure(range(3), range(3))
    path = tmp_path / "ghz.qasm"
    path.write_text(qasm2.dumps(circuit))
    paulis = ("--observable", "XYX", "--observable", "Z2 Z0", "--observable", "Z0")
    result = lret("run", path, "--noise", "fake_manila", "--epsilon", 0, *paulis)
    document = json.loads(result.stdout)
    values = [each["value"] for each in document["observables"]]
    # Aer approximates what relaxes while it is depolarized.
    assert values == pytest.approx(expected, abs=1e-6)
    assert sum(document["counts"].values()) == 1024
    assert document["device"]["compiled"]
    assert re.match(
        r"lret: compiled for fake_manila: \d+ gates \(.*2 cx.*\) on qubits [\d, ]+; noise from its "
        r"calibration\n$",
        result.stderr,
    )


def test_a_circuit_in_the_gates_of_a_device_is_taken_as_it_is(tmp_path: Path) -> None:
    device = FakeManilaV2()
    circuit = QuantumCircuit(3, 2, name="own")
    circuit.x(1)
    circuit.cx(1, 2)
    circuit.delay(900_000, 1)
    circuit.measure([1, 2], [0, 1])
    path = tmp_path / "own.qpy"
    with path.open("wb") as opened:
        qpy.dump(circuit, opened)
    result = lret("run", path, "--noise", "FakeManilaV2", "--seed", 3)
    assert "taken as it is, in the gates of fake_manila: 2 gates (1 x, 1 cx)" in result.stderr
    counts = json.loads(result.stdout)["counts"]
    mine = LRETBackend.from_backend(device).run(circuit, seed_simulator=3).result()
    assert counts == mine.get_counts()
    # Qubit 1 has relaxed during the delay of 200 us.
    assert counts["10"] > 400


@pytest.mark.parametrize("name", ["FakeManilaV2", "fake_manila", "manila", "Manila"])
def test_names_of_devices(name: str) -> None:
    assert fake_device(name).name == "fake_manila"


def test_a_device_is_too_small(tmp_path: Path) -> None:
    path = brick_wall(tmp_path, 6, 1)
    said = refused("run", path, "--noise", "manila")
    assert "'--noise': fake_manila has 5 qubits, and the circuit 6" in said


def test_a_device_without_its_package(ghz_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    assert "pip install qiskit-ibm-runtime" in refused("run", ghz_file, "--noise", "torino")


@pytest.mark.parametrize("command", ["plan", "slurm"])
def test_noise_that_acts_nowhere_is_told_before_a_run(
    tmp_path: Path, ghz_file: Path, command: str
) -> None:
    idle = AerNoise()
    idle.add_all_qubit_quantum_error(depolarizing_error(1e-2, 1), ["sx"])
    model = tmp_path / "noise.json"
    NoiseModelImporter.import_noise_model(idle).to_json(model)
    cluster = CLUSTER if command == "slurm" else ()
    with pytest.warns(UserWarning, match=r"noise on 'sx' acts nowhere"):
        lret(command, ghz_file, "--noise", model, *cluster)
