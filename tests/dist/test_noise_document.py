"""Noise models as plain data: exact there and back, and clear about what is wrong."""

import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lret_dist import ErrorTerm, NoiseModel
from lret_dist.files.plain_data import read_json

FLIP = [[[[0, 0], [1, 0]], [[1, 0], [0, 0]]]]
GOOD = {
    "format": "lret-noise-model",
    "version": 1,
    "errors": [
        {"instruction": "x", "channels": [{"kraus": FLIP}]},
        {"instruction": "cx", "qubits": [2, 0], "channels": [{"kraus": FLIP, "positions": [1]}]},
        {"instruction": "h", "qubits": [1], "channels": [{"kraus": FLIP, "noise_qubits": [5]}]},
    ],
    "readout_errors": [
        {"probabilities": [[0.9, 0.1], [0.2, 0.8]]},
        {"qubit": 3, "probabilities": [[1, 0], [0, 1]]},
    ],
}


def random_model(seed: int) -> NoiseModel:
    rng = np.random.default_rng(seed)
    model = NoiseModel()
    for number in range(int(rng.integers(4))):
        width, count = int(rng.integers(1, 3)), int(rng.integers(1, 4))
        size = 1 << width
        columns = rng.normal(size=(count * size, size)) + 1j * rng.normal(size=(count * size, size))
        kraus = np.linalg.qr(columns)[0].reshape(count, size, size)
        qubits = None if rng.random() < 0.5 else tuple(rng.permutation(5)[:width].tolist())
        place = [{}, {"positions": tuple(range(width))[::-1]}, {"qubits": (9, 7)[:width]}]
        terms = [ErrorTerm(kraus, **place[int(rng.integers(3))]) for _ in range(2)]
        model.errors[f"gate {number}", qubits] = terms
    for qubit in (None, 0, 4):
        if rng.random() < 0.5:
            first, second = rng.random(2).tolist()
            model.add_readout_error([[1 - first, first], [second, 1 - second]], qubit)
    return model


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_every_bit_comes_back(seed: int) -> None:
    model = random_model(seed)
    file = io.StringIO()
    model.to_json(file)
    file.seek(0)
    again = NoiseModel.from_json(file)
    assert list(again.errors) == list(model.errors)
    for key, terms in model.errors.items():
        for term, found in zip(terms, again.errors[key], strict=True):
            assert term.kraus.tobytes() == found.kraus.tobytes()
            assert (term.positions, term.qubits) == (found.positions, found.qubits)
    assert {q: m.tobytes() for q, m in model.readout.items()} == {
        q: m.tobytes() for q, m in again.readout.items()
    }


def test_paths_and_files_of_bytes(tmp_path: Path) -> None:
    model = NoiseModel.from_dict(GOOD)
    for path in (tmp_path / "noise.json", str(tmp_path / "other.json")):
        model.to_json(path)
        assert NoiseModel.from_json(path).to_dict() == model.to_dict()
    file = io.BytesIO()
    model.to_json(file)
    assert NoiseModel.from_json(io.BytesIO(file.getvalue())).to_dict() == model.to_dict()


def test_a_document_written_by_hand() -> None:
    model = NoiseModel.from_dict(GOOD)
    assert set(model.errors) == {("x", None), ("cx", (2, 0)), ("h", (1,))}
    assert model.errors["cx", (2, 0)][0].positions == (1,)
    assert model.errors["h", (1,)][0].qubits == (5,)
    np.testing.assert_array_equal(model.readout_for(0), [[0.9, 0.1], [0.2, 0.8]])
    np.testing.assert_array_equal(model.readout_for(3), np.eye(2))
    assert not NoiseModel.from_dict({"format": "lret-noise-model", "version": 1}).errors


def changed(path: list, value: object) -> dict:
    document = json.loads(json.dumps(GOOD))
    held = document
    for step in path[:-1]:
        held = held[step]
    if value is KeyError:
        del held[path[-1]]
    else:
        held[path[-1]] = value
    return document


KRAUS = ["errors", 1, "channels", 0, "kraus"]
AT = r"errors\[1\]\.channels\[0\]\.kraus"
ROW = [*KRAUS, 0, 1]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["format"], "other", "format: expected 'lret-noise-model', got 'other'"),
        (["format"], KeyError, "the document: 'format' is missing"),
        (["version"], 2, "version: expected 1, got 2; a newer LRET"),
        (["version"], True, "version: expected an integer, got True"),
        (["version"], 1.0, r"version: expected an integer, got 1\.0"),
        (["eval"], "1", "the document: unknown key 'eval'; known are format, version, errors"),
        (["passes"], [], "unknown key 'passes'"),
        (["errors"], {}, "errors: expected a list, got an object"),
        (["errors", 1], 3, r"errors\[1\]: expected an object, got 3"),
        (["errors", 1, "instruction"], 3, r"errors\[1\]\.instruction: expected a string, got 3"),
        (["errors", 1, "instruction"], "", r"instruction: expected 1 to 1000 characters, got 0"),
        (["errors", 1, "instruction"], "x" * 1001, "expected 1 to 1000 characters, got 1001"),
        (["errors", 1, "gate"], "x", r"errors\[1\]: unknown key 'gate'"),
        (["errors", 1, "channels"], KeyError, r"errors\[1\]: 'channels' is missing"),
        (["errors", 1, "channels"], [], r"channels: expected 1 to 100000 elements, got 0"),
        (
            ["errors", 1, "qubits"],
            [0, -1],
            r"qubits\[1\]: expected an integer from 0 to .*, got -1",
        ),
        (["errors", 1, "qubits"], [0, 0], r"qubits: qubits must be distinct, got \[0, 0\]"),
        (["errors", 1, "qubits"], [0, 10**30], r"qubits\[1\]: expected an integer from 0"),
        (["errors", 1, "qubits"], "01", "qubits: expected a list, got '01'"),
        (
            ["errors", 1],
            {"instruction": "x", "qubits": None, "channels": [{"kraus": FLIP}]},
            r"errors\[1\]: an error on 'x' of any qubits is there already",
        ),
        (["errors", 1, "channels", 0, "noise_qubits"], [1], "exclude each other"),
        (["errors", 1, "channels", 0, "positions"], [2], "positions: the instruction has 2 qubits"),
        (["errors", 1, "channels", 0, "positions"], [0, 1], "positions: expected 1 elements"),
        (
            ["errors", 1, "channels", 0, "positions"],
            KeyError,
            f"{AT}: a channel on 1 qubits cannot",
        ),
        (KRAUS, 1, f"{AT}: expected a list, got 1"),
        (KRAUS, [], f"{AT}: expected 1 to 4096 elements"),
        (KRAUS, FLIP * 4097, f"{AT}: expected 1 to 4096 elements, got 4097"),
        (KRAUS, FLIP * 2, f"{AT}: the Kraus operators do not preserve the trace"),
        (KRAUS, [[[[1, 0]], [[0, 0]]]], AT + r": a Kraus operator must have shape"),
        (KRAUS, np.ones((1, 128, 128, 2)).tolist(), f"{AT}: the Kraus operators do not preserve"),
        (ROW, [[0, 0], [1, float("nan")]], AT + r"\[0\]\[1\]\[1\]\[1\]: expected a finite number"),
        (ROW, [[0, 0], [10**400, 0]], AT + r"\[0\]\[1\]\[1\]\[0\]: expected a finite number"),
        (ROW, [[0, 0], [True, 0]], AT + r"\[0\]\[1\]\[1\]\[0\]: expected a number, got True"),
        (ROW, [[0, 0], ["1", 0]], AT + r"\[0\]\[1\]\[1\]\[0\]: expected a number, got '1'"),
        (ROW, [[0, 0], [1]], f"{AT}: lists of one level must have one length"),
        (ROW, [0, 1], AT + r"\[0\]\[1\]\[0\]: expected numbers in lists 1 deep"),
        (
            ["readout_errors", 0, "probabilities"],
            [[1, 0]],
            r"\[0\]\.probabilities: .* shape \(2, 2",
        ),
        (
            ["readout_errors", 0, "probabilities", 1],
            [0.5, 0.6],
            "probabilities: the rows .* sum to",
        ),
        (["readout_errors", 0, "probabilities", 1], [-1, 2], "must be finite and not negative"),
        (["readout_errors", 0, "qubit"], 3, r"\[1\]: a readout error of qubit 3 is there already"),
        (["readout_errors", 0, "qubit"], "3", "qubit: expected an integer, got '3'"),
        (["readout_errors", 0, "qubit"], [0, 0], r"qubit: qubits must be distinct, got \[0, 0\]"),
        (["readout_errors", 0, "qubit"], [0], "qubit: expected 2 to 6 elements, got 1"),
        (["readout_errors", 0, "qubit"], [0, -1], r"qubit\[1\]: expected an integer from 0"),
    ],
)
def test_what_is_wrong_and_where(path: list, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseModel.from_dict(changed(path, value))


def test_wide_channels_are_refused() -> None:
    kraus = np.stack([np.eye(128), np.zeros((128, 128))], -1)[None].tolist()
    document = changed(["errors", 0, "channels", 0, "kraus"], kraus)
    with pytest.raises(ValueError, match="channels on at most 6 qubits are supported, got 7"):
        NoiseModel.from_dict(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "the document is no JSON"),
        (b'\xff"', "the document is no UTF-8 text"),
        (b'{"a": 1, "a": 2}', "an object has the key 'a' twice"),
        (b"[NaN]", "numbers must be finite, got NaN"),
        (b"[-Infinity]", "numbers must be finite, got -Infinity"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    ],
)
def test_text_that_is_no_document(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_json(io.BytesIO(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"9" * 401, "expected integers of at most 400 digits, got 401"),
        (b"9" * 5000, "expected integers of at most 400 digits, got 5000"),
        ("[1]".encode("utf-16"), "the document is no UTF-8 text"),
        (b'{"a": 1, "a": 2}', "an object has the key 'a' twice"),
    ],
)
def test_a_file_that_is_no_document_is_named(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "noise.json"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{message}"):
        NoiseModel.from_json(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "expected a regular file, got a folder"),
        (os.mkfifo, "expected a regular file, got a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "expected a regular file, got a character"),
        (lambda path: (path.touch(), os.truncate(path, 10 << 30)), "more than 64 MiB"),
    ],
)
def test_what_is_no_file(tmp_path: Path, make, message: str) -> None:
    path = tmp_path / "noise.json"
    make(path)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{message}"):
        NoiseModel.from_json(path)


@pytest.mark.parametrize("file", [3, None, b"noise.json"])
def test_what_is_neither_a_path_nor_open(file: object) -> None:
    words = f"expected a path or an open file, got {file!r}"
    with pytest.raises(TypeError, match=words):
        NoiseModel.from_json(file)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=words):
        NoiseModel().to_json(file)  # type: ignore[arg-type]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_json(io.BytesIO("\ufeff[1]".encode())) == [1]


def test_large_text_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lret_dist.files.plain_data.MAX_BYTES", 1 << 20)
    with pytest.raises(ValueError, match="too large: more than 1 MiB"):
        read_json(io.StringIO(json.dumps("x" * (1 << 20))))


def test_the_document_in_the_manual() -> None:
    text = (Path(__file__).parents[2] / "docs/noise_models.md").read_text()
    document = json.loads(text.split("```json")[1].split("```")[0])
    with pytest.raises(ValueError, match="unknown key 'basis_gates'"):
        NoiseModel.from_dict(document)
    model = NoiseModel.from_dict({k: document[k] for k in GOOD})
    assert model.to_dict()["errors"][1]["qubits"] == [1, 0]
