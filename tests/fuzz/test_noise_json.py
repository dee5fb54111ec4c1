"""Noise models from documents that were damaged: a model, or an error that says where."""

import io
import json
import time
import tracemalloc
from functools import cache

from fuzzing import damaged, fuzzed, mutated
from hypothesis import given
from hypothesis import strategies as st
from qiskit_aer.noise import NoiseModel as AerNoiseModel
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from lret_qiskit import NoiseModelImporter

#: Seconds, and bytes for each byte of the text, that reading may take.
SECONDS, MEMORY = 1.0, 100


@cache
def text() -> bytes:
    """The noise of a device, of which every kind of error is kept once."""
    model = AerNoiseModel.from_backend(FakeManilaV2())
    document = NoiseModelImporter.import_noise_model(model).to_dict()
    kept = {entry["instruction"]: entry for entry in document["errors"]}
    document["errors"] = list(kept.values())
    return json.dumps(document).encode()


def check(content: bytes) -> None:
    """Read; whatever becomes a model can be written and read again."""
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        model = NoiseModelImporter.from_json(io.BytesIO(content))
    except ValueError as error:
        model, problem = None, str(error)
    seconds = time.perf_counter() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model is not None or problem
    assert seconds < SECONDS + 5e-6 * len(content)
    assert peak < (1 << 22) + MEMORY * len(content)
    if model is not None:
        assert NoiseModelImporter.from_dict(model.to_dict()).to_dict() == model.to_dict()


def test_the_document_is_read() -> None:
    assert NoiseModelImporter.from_json(io.BytesIO(text())).errors


@fuzzed(100)
@given(st.deferred(lambda: damaged(text())))
def test_damaged_text(content: bytes) -> None:
    check(content)


@fuzzed(150)
@given(st.deferred(lambda: st.builds(json.loads, st.just(text())).flatmap(mutated)))
def test_changed_structure(document: object) -> None:
    check(json.dumps(document).encode())


@fuzzed(100)
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    check(content)
