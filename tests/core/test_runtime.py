import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from core_reference import random_block, random_matrix

from lret_dist import _core


@pytest.fixture(autouse=True)
def _keep_threads():
    threads = _core.get_num_threads()
    yield
    _core.set_num_threads(threads)


def run_all_kernels(dtype, columns):
    """The results of every kernel on one block, by name, as bytes."""
    rng = np.random.default_rng(11)
    block = random_block(rng, 15, columns, dtype=dtype)
    _core.apply_matrix(block, [0], random_matrix(rng, 2, 2))
    _core.apply_matrix(block, [3, 14], random_matrix(rng, 4, 4) / 4)
    _core.apply_matrix(block, [14, 9, 10, 11, 12, 13], random_matrix(rng, 64, 64) / 64)
    _core.apply_matrix(block, [1, 7, 2], random_matrix(rng, 8, 8) / 8)
    _core.apply_controlled(block, [2], 1, [0, 5], random_matrix(rng, 4, 4) / 4)
    _core.apply_diagonal(block, [1, 9], random_matrix(rng, 4))
    _core.apply_permutation(block, [0, 4], np.array([2, 0, 1, 3]), random_matrix(rng, 4))
    out = np.empty((2**15, 5), dtype=dtype)
    _core.branch(
        block,
        out,
        [6, 1],
        random_matrix(rng, 2, 4, 4),
        np.array([1, 0, 1, 0, 0]),
        rng.integers(0, columns, 5),
        rng.random(5),
    )
    packed = np.empty((2**14, columns), dtype=dtype)
    _core.pack_rows(block, [3], 1, 0, packed)
    _core.unpack_rows(block, [3], 0, 0, packed)
    turned = np.empty((2**15, 2), dtype=dtype)
    _core.rotate(block, random_matrix(rng, columns, 2).astype(dtype), turned)
    return {
        "block": block.tobytes(),
        "branch": out.tobytes(),
        "rotate": turned.tobytes(),
        "gram": _core.gram(block).tobytes(),
        "reduced_matrices": _core.reduced_matrices(block, [2, 8]).tobytes(),
        "column_weights": _core.column_weights(block).tobytes(),
        "probabilities": _core.probabilities(block).tobytes(),
        "pauli_overlap": _core.pauli_overlap(block, block, 5, 9),
    }


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("columns", [1, 2, 3, 17])
def test_results_do_not_depend_on_threads(dtype, columns):
    _core.set_num_threads(1)
    expected = run_all_kernels(dtype, columns)
    for threads in (2, 3, 7):
        _core.set_num_threads(threads)
        results = run_all_kernels(dtype, columns)
        # Names, as a difference of megabytes takes minutes to show.
        assert [name for name in expected if results[name] != expected[name]] == []


def test_number_of_threads():
    _core.set_num_threads(3)
    assert _core.get_num_threads() == 3
    with pytest.raises(ValueError, match="threads must be 1 to 4096, not 0"):
        _core.set_num_threads(0)


def test_build_info():
    info = _core.build_info()
    assert set(info) == {"build_type", "compiler", "flags", "openmp", "simd_levels"}
    assert "-ffp-contract=fast" in info["flags"].split()
    assert _core.simd_level() in info["simd_levels"].split(",")


def run_with_level(level, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"LRET_SIMD": level},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# This process tests the level in use itself.
OTHER_LEVELS = set(_core.build_info()["simd_levels"].split(",")) - {_core.simd_level()}


@pytest.mark.parametrize("level", sorted(OTHER_LEVELS))
def test_kernels_on_other_instruction_sets(level):
    used = run_with_level(level, "-c", "from lret_dist import _core; print(_core.simd_level())")
    levels = _core.build_info()["simd_levels"].split(",")
    assert levels.index(used.stdout.strip()) <= levels.index(level)
    if used.stdout.strip() != level:
        pytest.skip(f"this processor has no {level}")
    here = Path(__file__).parent
    suites = [here / f"test_{name}.py" for name in ("apply", "branch", "reduce")]
    # --noconftest keeps this a test of the kernels alone.
    done = run_with_level(
        level, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", *suites
    )
    assert done.returncode == 0, done.stdout


def test_rejects_an_unknown_instruction_set():
    done = run_with_level("sse9", "-c", "import lret_dist._core")
    assert "LRET_SIMD must be one of baseline" in done.stderr
    assert "not sse9" in done.stderr
