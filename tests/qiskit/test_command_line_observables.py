"""``lret run --observable``: how observables are written, and their values."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import RATES, lret, refused
from qiskit import QuantumCircuit, qpy
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from lret_qiskit.cli.final_measurements import before_final_measurements
from lret_qiskit.cli.observables import NamedObservable


def saved(circuit: QuantumCircuit, folder: Path) -> Path:
    path = folder / "circuit.qpy"
    with path.open("wb") as opened:
        qpy.dump(circuit, opened)
    return path


def values(*words: object) -> list[dict[str, float]]:
    observables: list[dict[str, float]] = json.loads(lret("run", *words).stdout)["observables"]
    return observables


#: Ways to write observables, and what they mean.
WRITTEN = {
    "XYZ": [("XYZ", 1)],
    "z0 X2": [("XIZ", 1)],
    "Z0*Y1X2": [("XYZ", 1)],
    "0.5*XXY + ZZI": [("XXY", 0.5), ("ZZI", 1)],
    "-2 Z1 + 1e-1*Z0Z2 -.25Y1": [("IZI", -2), ("ZIZ", 0.1), ("IYI", -0.25)],
    "3*III - ZII": [("III", 3), ("ZII", -1)],
    "Z0 + ZII + IIZ": [("IIZ", 2), ("ZII", 1)],
    "I0": [("III", 1)],
}


def test_how_observables_are_written(tmp_path: Path) -> None:
    circuit = QuantumCircuit(3)
    for qubit, angle in enumerate((0.4, 1.1, 2.3)):
        circuit.u(angle, 0.3 * angle, 0, qubit)
    circuit.cx([0, 1], [1, 2])
    words = [word for text in WRITTEN for word in ("--observable", text)]
    found = values(saved(circuit, tmp_path), *words)
    assert [each["observable"] for each in found] == list(WRITTEN)
    state = Statevector(circuit)
    expected = [
        state.expectation_value(SparsePauliOp.from_list(operator)).real
        for operator in WRITTEN.values()
    ]
    assert [each["value"] for each in found] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'expected Pauli strings, as "ZZII", "Z0 X3" or "0.5*ZZ - XX", got \'\''),
        ("ZZ", "the circuit has 3 qubits, and ZZ 2 letters"),
        ("Z3", "the circuit has qubits 0 to 2, got Z3"),
        ("Z0 X0", "Z0 X0 names qubit 0 twice"),
        ("ZZZ XYY", "got 'ZZZ XYY'"),
        ("ZZZ ++ XYY", "wrong from '++ XYY' on"),
        ("ZZQ", "got 'ZZQ'"),
        ("0.5", "got '0.5'"),
        ("1e999*ZZZ", "coefficients must be finite, got 1e999"),
    ],
)
def test_what_is_no_observable(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        NamedObservable.parsed(text, 3)


def test_a_mistake_names_the_option(ghz_file: Path) -> None:
    assert "'--observable': the circuit has" in refused("run", ghz_file, "--observable", "ZZ")


def noisy_values(circuit: QuantumCircuit, noise: NoiseModel, *paulis: str) -> list[float]:
    """By Qiskit Aer's density matrix."""
    made = circuit.remove_final_measurements(inplace=False)
    for pauli in paulis:
        made.save_expectation_value(SparsePauliOp(pauli), range(made.num_qubits), label=pauli)
    aer = AerSimulator(method="density_matrix", noise_model=noise)
    data = aer.run(made).result().data(0)
    return [data[pauli] for pauli in paulis]


@pytest.mark.parametrize("truncation", ["certified", "unbiased"])
def test_values_are_within_their_errors(
    ghz: QuantumCircuit, ghz_file: Path, ghz_noise: NoiseModel, truncation: str
) -> None:
    paulis = ("XYY", "ZZI", "YYX")
    words = [word for pauli in paulis for word in ("--observable", pauli)]
    run = ("--noise", RATES, "--truncation", truncation, "--method", "low_rank", "--seed", 5)
    if truncation == "certified":
        run = (*run, "--epsilon", 0.02)
    found = values(ghz_file, *run, *words)
    errors = np.array([each["value"] for each in found]) - noisy_values(ghz, ghz_noise, *paulis)
    kind, other = ("error_bound", "standard_error")
    if truncation == "unbiased":
        kind, other = other, kind
    for error, each in zip(errors, found, strict=True):
        assert each[other] is None
        assert 0 < each[kind] < 0.1
        assert abs(error) < (1 if truncation == "certified" else 5) * each[kind]


def test_values_are_shown(tmp_path: Path, ghz_file: Path) -> None:
    words = ("--observable", "XYY", "--observable", "0.5*Z0 - Z1", "--output", tmp_path / "x.json")
    shown = lret("run", ghz_file, *words).stdout.splitlines()
    assert "XYY          -1.00000000  at most 0.00e+00" in shown
    assert "0.5*Z0 - Z1  +0.00000000  at most 0.00e+00" in shown


def test_a_circuit_without_measurements(tmp_path: Path) -> None:
    circuit = QuantumCircuit(2)
    circuit.x(1)
    result = lret("run", saved(circuit, tmp_path), "--observable", "ZI")
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert document["counts"] == {}
    assert document["observables"][0]["value"] == -1


def test_measurements_in_the_middle_have_been_made(tmp_path: Path) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure(0, 0)
    circuit.barrier()
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    found = values(saved(circuit, tmp_path), *("--observable", "X0", "--observable", "X1"))
    assert [each["value"] for each in found] == pytest.approx([0, 1], abs=1e-12)


def test_outcomes_that_decide_what_is_done(tmp_path: Path) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.ry(1.0, 0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    words = ("--observable", "Z1", "--observable", "ZZ", "--seed", 2, "--shots", 1000)
    z, zz = values(saved(circuit, tmp_path), *words)
    assert z["standard_error"] == pytest.approx(np.sin(1.0) / np.sqrt(1000), rel=0.1)
    assert abs(z["value"] - np.cos(1.0)) < 4 * z["standard_error"]
    assert (zz["value"], zz["standard_error"]) == (1, 0)


def test_only_last_measurements_come_after() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.measure(1, 1)
    with circuit.if_test((0, 1)):
        circuit.x(2)
    circuit.barrier()
    circuit.measure(2, 2)
    made = before_final_measurements(circuit, [(QuantumCircuit(1, name="save").to_gate(), [0])])
    names = [(each.name, *(made.find_bit(q).index for q in each.qubits)) for each in made.data]
    assert names == [
        ("h", 0),
        ("measure", 0),
        ("if_else", 2),
        ("save", 0),
        ("measure", 1),
        ("barrier", 0, 1, 2),
        ("measure", 2),
    ]
