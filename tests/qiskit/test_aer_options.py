"""Every option of Qiskit Aer's simulator has a known meaning here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.result import MeasLevel, MeasReturnType
from qiskit_aer import AerSimulator

from lret_dist import InsufficientMemoryError
from lret_qiskit import LRETBackend
from lret_qiskit.backends.aer_options import AER_METHODS, AER_OPTIONS, Effect

DOCUMENT = Path(__file__).parents[2] / "docs" / "aer_compatibility.md"
UNUSED = {name: each for name, each in AER_OPTIONS.items() if each.effect is Effect.NONE}


def test_every_option_of_aer_is_known() -> None:
    assert set(AerSimulator().options) <= set(AER_OPTIONS)


def test_defaults_are_accepted_everywhere(bell: QuantumCircuit) -> None:
    given = {k: v for k, v in AerSimulator().options.items() if k != "noise_model"}
    made = LRETBackend(**given)
    assert made.options.fusion_enable is True
    made.set_options(**given)
    wanted = LRETBackend().run(bell, seed_simulator=5).result().get_counts()
    assert made.run(bell, **{**given, "seed_simulator": 5}).result().get_counts() == wanted


def test_tuning_changes_nothing(bell: QuantumCircuit) -> None:
    tuned = {
        "fusion_enable": False,
        "fusion_max_qubit": np.int64(3),
        "shot_branching_enable": True,
        "max_shot_size": 10,
        "zero_threshold": 1,
        "blocking_enable": np.True_,
        "statevector_parallel_threshold": 4,
        "executor": object(),
        "max_parallel_threads": 0,
        "max_memory_mb": -1,
        "device": "CPU",
    }
    wanted = LRETBackend(seed_simulator=5).run(bell).result().get_counts()
    assert LRETBackend(seed_simulator=5, **tuned).run(bell).result().get_counts() == wanted
    assert LRETBackend(seed_simulator=5).run(bell, **tuned).result().get_counts() == wanted


@pytest.mark.parametrize("name", [n for n, each in UNUSED.items() if each.kind is not None])
def test_wrong_types_are_found(name: str) -> None:
    wrong = object()
    kind = UNUSED[name].kind
    with pytest.raises(TypeError, match=f"{name} must be of type {kind.__name__}, got <object"):
        LRETBackend(**{name: wrong})


def test_numbers_are_no_flags() -> None:
    with pytest.raises(TypeError, match="fusion_enable must be of type bool, got 1"):
        LRETBackend(fusion_enable=1)
    with pytest.raises(TypeError, match="fusion_threshold must be of type int, got True"):
        LRETBackend().set_options(fusion_threshold=True)


def test_devices_that_are_not_there(bell: QuantumCircuit) -> None:
    message = "device must be 'CPU', got 'GPU': LRET runs on CPU cores"
    with pytest.raises(ValueError, match=message):
        LRETBackend(device="GPU")
    with pytest.raises(ValueError, match=message):
        LRETBackend().run(bell, device="GPU")
    backend = LRETBackend()
    backend.options.device = "GPU"
    with pytest.raises(ValueError, match=message):
        backend.run(bell)


def test_signals_that_are_not_there(bell: QuantumCircuit) -> None:
    """Tools made for devices say that they want bits, or that they want the signals behind them."""
    backend = LRETBackend(seed_simulator=5)
    wanted = backend.run(bell).result().get_counts()
    options = {"meas_return": MeasReturnType.AVERAGE, "init_qubits": True, "rep_delay": 1e-4}
    job = backend.run(bell, meas_level=MeasLevel.CLASSIFIED, **options)
    assert job.result().get_counts() == wanted
    with pytest.raises(ValueError, match=r"meas_level must be 2, got .*1.*: LRET gives"):
        backend.run(bell, meas_level=MeasLevel.KERNELED)


def test_limits_that_are_not_kept_are_told(bell: QuantumCircuit) -> None:
    for call in (
        lambda: LRETBackend(max_parallel_threads=2),
        lambda: LRETBackend().set_options(max_parallel_threads=2),
        lambda: LRETBackend().run(bell, max_parallel_threads=2),
    ):
        with pytest.warns(UserWarning, match="max_parallel_threads=2 has no effect: ") as caught:
            call()
        assert caught[0].filename == __file__


@pytest.mark.parametrize("limit", [0, -1, None, np.int64(-1), 64, np.int64(64), 64.5])
def test_memory_limits_are_kept(bell: QuantumCircuit, limit: float | None) -> None:
    wide = QuantumCircuit(22)
    wide.h(range(22))
    wide.measure_all()
    wanted = LRETBackend().run(bell, seed_simulator=5).result().get_counts()
    for backend, options in (
        (LRETBackend(max_memory_mb=limit), {}),
        (LRETBackend(max_memory_mb=32), {"max_memory_mb": 0 if limit is None else limit}),
    ):
        assert backend.run(bell, seed_simulator=5, **options).result().get_counts() == wanted
        if limit in (0, -1, None):
            assert backend.run(wide, shots=1, **options).result().success
        else:
            with pytest.raises(InsufficientMemoryError, match=f"max_memory_mb allows {limit} MiB"):
                backend.run(wide, shots=1, **options).result()


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (-2, ValueError, "max_memory_mb must be positive and finite, got -2"),
        ("64", TypeError, "max_memory_mb must be a number of MiB, got '64'"),
        (False, TypeError, "max_memory_mb must be a number of MiB, got False"),
    ],
)
def test_memory_limits_that_are_none(
    bell: QuantumCircuit, value: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        LRETBackend(max_memory_mb=value)
    with pytest.raises(error, match=words):
        LRETBackend().run(bell, max_memory_mb=value)


@pytest.mark.parametrize("method", AER_METHODS)
def test_methods_of_aer_are_refused_with_a_hint(bell: QuantumCircuit, method: str) -> None:
    with pytest.raises(ValueError, match=f"got '{method}': it is a method of Qiskit Aer that"):
        LRETBackend(method=method)
    with pytest.raises(ValueError, match="method of Qiskit Aer"):
        LRETBackend().run(bell, method=method)


def test_every_option_is_documented() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    told = {
        name.strip("` "): (effect.strip(), reason.strip())
        for _, names, effect, reason, _ in (row.split("|") for row in rows)
        for name in names.split(",")
    }
    for name, option in AER_OPTIONS.items():
        assert told[name] == (option.effect.value, option.reason), name
