"""The dictionary form of Qiskit Aer's noise models, from Aer or from elsewhere."""

import io
import json

import numpy as np
import pytest
from aer_reference import aer_data, noise_on
from qiskit import QuantumCircuit
from qiskit.circuit.library import RXGate
from qiskit.quantum_info import Kraus, SuperOp
from qiskit_aer.noise import (
    NoiseModel,
    PauliError,
    PauliLindbladError,
    QuantumError,
    amplitude_damping_error,
)

from lret_dist import UnsupportedOperationError
from lret_qiskit import LRETBackend, NoiseModelImporter


def rich_model() -> NoiseModel:
    model = noise_on({"x": 1, "h": 1, "cx": 2, "measure": 1}, np.random.default_rng(3))
    model.add_all_qubit_quantum_error(PauliLindbladError(["XZ", "IY"], [0.1, 0.2]), "cz")
    model.add_all_qubit_quantum_error(PauliError(["XZ", "II"], [0.1, 0.9]), "swap")
    model.add_quantum_error(QuantumError([(RXGate(0.3), 1.0)]), "y", [1])
    model.add_quantum_error(amplitude_damping_error(0.1), "z", [1])
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])
    model.add_readout_error([[0.7, 0.3], [0.4, 0.6]], [2], warnings=False)
    return model


@pytest.mark.parametrize("serializable", [False, True])
def test_the_dictionary_is_the_model(serializable: bool) -> None:
    model = rich_model()
    imported = NoiseModelImporter.import_noise_model(model)
    read = NoiseModelImporter.from_dict(model.to_dict(serializable=serializable))
    assert list(read.errors) == list(imported.errors)
    for key, terms in imported.errors.items():
        for term, found in zip(terms, read.errors[key], strict=True):
            assert term.positions == found.positions
            np.testing.assert_array_equal(term.kraus, found.kraus)
    assert read.readout.keys() == imported.readout.keys()


def test_as_json() -> None:
    text = json.dumps(rich_model().to_dict(serializable=True))
    read = NoiseModelImporter.from_json(io.StringIO(text))
    assert (
        read.to_dict()["errors"]
        == NoiseModelImporter.from_dict(json.loads(text)).to_dict()["errors"]
    )


def entry(name: str, *instructions: dict, **more: object) -> dict:
    return {
        "type": "qerror",
        "id": repr((name, instructions, more)),
        "operations": [name],
        "instructions": [list(instructions)],
        "probabilities": [1.0],
        **more,
    }


class Written(NoiseModel):
    """A model of Qiskit Aer that gives a dictionary written by hand."""

    def __init__(self, *errors: dict) -> None:
        super().__init__()
        self.errors = errors

    def to_dict(self, serializable: bool = False) -> dict:
        assert isinstance(serializable, bool)
        return {"errors": list(self.errors)}


X = {"name": "x", "qubits": [0]}
ON_ZERO = {"gate_qubits": [[0]]}
RESET = {"name": "reset", "qubits": [0]}
CX = {"name": "cx", "qubits": [0, 1]}


@pytest.mark.parametrize(
    "errors",
    [
        [entry("x", X), entry("x", X, gate_qubits=[[0]], noise_qubits=[[1]])],
        [entry("x", X, gate_qubits=[[0]], noise_qubits=[[1], [2]])],
        [
            entry("x", X, gate_qubits=[[0]], noise_qubits=[[0]]),
            entry("x", RESET, gate_qubits=[[0]]),
        ],
        [entry("x", CX, gate_qubits=[[0]], noise_qubits=[[0, 2]])],
        [entry("x", RESET), entry("x", X)],
        [entry("x", X, gate_qubits=[[0]]), entry("x", RESET, gate_qubits=[[0], [1]])],
    ],
    ids=range(6),
)
def test_errors_that_add_up_as_in_aer(errors: list) -> None:
    circuit = QuantumCircuit(3)
    circuit.x(0)
    circuit.save_probabilities(label="p")
    theirs = aer_data(circuit, Written(*errors))["p"]
    backend = LRETBackend(epsilon=0)
    models = (Written(*errors), NoiseModelImporter.from_dict({"errors": errors}))
    for model in models:
        ours = backend.run(circuit, noise_model=model, shots=0).result().data(0)["p"]
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_one_error_on_many_instructions_is_made_once() -> None:
    model = NoiseModel()
    error = amplitude_damping_error(0.1)
    for qubit in range(3):
        model.add_quantum_error(error, ["x", "h"], [qubit])
    terms = NoiseModelImporter.import_noise_model(model).errors.values()
    assert len({id(term) for (term,) in terms}) == 1


def qerror(**more: object) -> dict:
    return entry("x", {"name": "id", "qubits": [0]}) | more


def one(**part: object) -> dict:
    return qerror(instructions=[[{"qubits": [0], **part}]])


HALF = [[[0.5, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.5, 0.0]]]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (3, r"errors\[0\]: expected an object, got 3"),
        ({}, r"errors\[0\]: an error's type must be 'qerror', 'plerror' or 'roerror', got None"),
        (qerror(type="nerror"), "got 'nerror'"),
        (qerror(type=[]), r"got \[\]"),
        (qerror(extra=1), r"errors\[0\]: unknown key 'extra'"),
        (qerror(operations="x"), r"errors\[0\]\.operations: expected a list, got 'x'"),
        (qerror(operations=[]), r"errors\[0\]\.operations: expected 1 to"),
        (qerror(gate_qubits=[0]), r"errors\[0\]\.gate_qubits\[0\]: expected a list, got 0"),
        (qerror(noise_qubits=[[1]]), "noise_qubits: gate_qubits are missing"),
        (qerror(probabilities=[0.5]), r"errors\[0\]\.probabilities: .* must sum to 1, got 0\.5"),
        (qerror(probabilities=[float("nan")]), r"probabilities\[0\]: expected a finite number"),
        (qerror(probabilities=[1.0, 0.0]), "there are 1 branches and 2 probabilities"),
        (
            qerror(instructions=[[X], [X]], probabilities=[1.5, -0.5]),
            r"probabilities: probabilities must not be negative, got -0\.5",
        ),
        (qerror(instructions=[[]]), r"errors\[0\]\.instructions\[0\]: expected 1 to"),
        (one(name="oracle"), r"noise made of operation 'oracle' is not supported"),
        (one(name="x", condition=1), r"instructions\[0\]\[0\]: unknown key 'condition'"),
        (one(name="x", qubits=[0, 1]), r"\[0\]\[0\]\.qubits: 'x' acts on 1 qubits, got 2"),
        (one(name="rx"), r"errors\[0\]\.instructions\[0\]\[0\]: 'rx' has 1 parameters, got 0"),
        (one(name="rx", params=["__import__('os')"]), r"params\[0\]: expected a number"),
        (one(name="pauli"), r"\[0\]\[0\]: 'params' is missing"),
        (one(name="pauli", params=["A"]), r"params\[0\]: expected a string of I, X, Y and Z"),
        (one(name="kraus", params=[HALF]), r"\.params: the Kraus operators do not preserve"),
        (one(name="unitary", params=[HALF]), r"\.params: the matrix is not unitary"),
        (one(name="unitary", params=["1"]), r"params\[0\]: expected a matrix"),
        (one(name="superop", params=[np.eye(4) / 2]), r"\.params: the Kraus operators do not"),
        *(
            (
                one(name="superop", params=[np.eye(size).tolist()]),
                rf"\[0\]\[0\]\.params: a superoperator is a .* got shape \({size}, {size}\)",
            )
            for size in (1, 2, 3, 5, 8)
        ),
        (one(name="superop", params=[[[1, 0]]]), r"params: a superoperator is .* \(1, 2\)"),
        (qerror(gate_qubits=[[]]), r"errors\[0\]\.gate_qubits\[0\]: expected 1 to"),
        (
            {"type": "roerror", "operations": ["x"], "probabilities": [[1, 0], [0, 1]]},
            r"errors\[0\]\.operations\[0\]: expected 'measure', .* got 'x'",
        ),
        (
            {
                "type": "plerror",
                "operations": ["x"],
                "instructions": [[{"name": "pauli", "qubits": [*range(30)], "params": ["X" * 30]}]],
                "rates": [0.1],
            },
            r"errors\[0\]: a Pauli-Lindblad generator acts on 30 qubits; at most 6",
        ),
        (one(name="kraus", params=[[[1, 0], [0]]]), r"params\[0\]: lists of one level"),
        (
            {"type": "plerror", "operations": ["x"], "instructions": [[X]], "rates": [0.1]},
            r"instructions\[0\]\[0\]\.name: expected 'pauli', got 'x'",
        ),
        (
            PauliLindbladError(["X"], [-0.1]).to_dict() | {"operations": ["x"]},
            r"rates\[0\]: a Pauli-Lindblad rate must not be negative",
        ),
        (
            {"type": "roerror", "operations": ["measure"], "probabilities": [[1, 1], [0, 1]]},
            r"errors\[0\]\.probabilities: the rows of a readout error must sum to 1",
        ),
    ],
)
def test_what_is_wrong_and_where(error: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseModelImporter.from_dict({"errors": [error]})


ON_MANY = {"gate_qubits": [[qubit] for qubit in range(400)]}
NAMES = [f"g{number}" for number in range(400)]


@pytest.mark.parametrize(
    "errors",
    [
        [qerror(operations=NAMES, **ON_MANY)],
        [qerror(operations=NAMES[:200], **ON_MANY)] * 2,
        [qerror(noise_qubits=[[qubit] for qubit in range(400)], **ON_MANY)],
        [qerror()] * 400 + [qerror(noise_qubits=[[1]], **ON_MANY)],
    ],
    ids=range(4),
)
def test_small_documents_that_unfold_to_large_models(errors: list) -> None:
    last = len(errors) - 1
    with pytest.raises(ValueError, match=rf"errors\[{last}\]: with this error .* than 100000"):
        NoiseModelImporter.from_dict({"errors": errors})


def test_many_parts_with_several_operators() -> None:
    flip = SuperOp(Kraus([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.eye(2)[::-1]]))
    operators = [np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.eye(2)[::-1]]
    part = {"name": "kraus", "qubits": [0], "params": operators}
    model = NoiseModelImporter.from_dict({"errors": [qerror(instructions=[[part] * 60])]})
    (term,) = model.errors["x", None]
    found = SuperOp(Kraus(list(term.kraus)))
    np.testing.assert_allclose(found.data, np.linalg.matrix_power(flip.data, 60), atol=1e-10)


def test_readout_errors_given_twice() -> None:
    error = {"type": "roerror", "operations": ["measure"], "probabilities": [[1, 0], [0, 1]]}
    with pytest.raises(ValueError, match=r"errors\[1\]: a readout error on all qubits is there"):
        NoiseModelImporter.from_dict({"errors": [error, error]})


def test_only_dictionaries() -> None:
    with pytest.raises(TypeError, match="expected a dictionary, got list"):
        NoiseModelImporter.from_dict([])
    with pytest.raises(ValueError, match="the document: expected an object"):
        NoiseModelImporter.from_json(io.StringIO("[]"))


def test_probabilities_of_an_error_that_is_no_channel() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(PauliError(["X", "I"], [-0.2, 1.2]), "x")
    circuit = QuantumCircuit(1)
    circuit.x(0)
    with pytest.raises(ValueError, match=r"on x is no channel: its probabilities must"):
        LRETBackend().run(circuit, noise_model=model)


def test_matrices_in_json_are_those_of_the_model() -> None:
    error = QuantumError(Kraus(amplitude_damping_error(0.2)))
    model = NoiseModel()
    model.add_all_qubit_quantum_error(error, "x")
    (term,) = NoiseModelImporter.from_dict(model.to_dict(serializable=True)).errors["x", None]
    np.testing.assert_allclose(SuperOp(Kraus(list(term.kraus))).data, SuperOp(error).data)


def test_unknown_types_are_unsupported_operations() -> None:
    with pytest.raises(UnsupportedOperationError):
        NoiseModelImporter.from_dict({"errors": [qerror(type="new")]})
