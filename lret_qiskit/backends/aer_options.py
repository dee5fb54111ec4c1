"""Options of Qiskit Aer, and of IBM's devices, that LRET knows: what becomes of each.

One table says for each option what it does here and why. A value that has no effect is still
checked, so that a typing error is found; a value that would change what a run may use is answered
with a warning, and one that LRET cannot honour is refused.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import Enum
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["AER_METHODS", "AER_OPTIONS", "AerOption", "Effect", "check_aer_options", "method_hint"]


class Effect(Enum):
    """What an option of another backend does in LRET."""

    WORKS = "works"
    NONE = "no effect"
    WARNS = "no effect, warns"
    REFUSED = "refused"


@dataclass(frozen=True)
class AerOption:
    """An option of Qiskit Aer or of IBM's devices.

    Attributes:
        default: its default, as in Qiskit Aer.
        kind: type of its values; None stands for any.
        effect: what it does.
        reason: why, in one sentence without a full stop.
        neutral: values that mean what LRET does anyway; others are warned of, or refused.
    """

    default: Any
    kind: type | None
    effect: Effect
    reason: str
    neutral: tuple[Any, ...] = ()


def _unused(reason: str, **options: tuple[Any, type | None]) -> Iterator[tuple[str, AerOption]]:
    for name, (default, kind) in options.items():
        yield name, AerOption(default, kind, Effect.NONE, reason)


def _works(name: str, default: Any, reason: str) -> tuple[str, AerOption]:
    return name, AerOption(default, None, Effect.WORKS, reason)


#: Option -> what becomes of it, in the order of the documentation.
AER_OPTIONS: dict[str, AerOption] = dict(
    [
        _works("shots", 1024, "NumPy's integers too; a float or a string is an error"),
        _works("seed_simulator", None, "circuit i of a job gets seed + 2113 i, as in Qiskit Aer"),
        _works("memory", None, "one bit string for each shot"),
        _works("noise_model", None, "of Qiskit Aer, imported with `NoiseModelImporter`, or LRET's"),
        _works(
            "method",
            "automatic",
            "`automatic` and `density_matrix`, and LRET's own `low_rank`; others are refused with "
            "a hint",
        ),
        _works("precision", "double", "`double` and `single`, and LRET's default `auto`"),
        _works("coupling_map", None, "shapes the target that circuits are transpiled to"),
        _works("basis_gates", None, "shapes the target that circuits are transpiled to"),
        (
            "device",
            AerOption(
                "CPU",
                str,
                Effect.REFUSED,
                "LRET runs on CPU cores and MPI ranks; `CPU` is accepted",
                ("CPU",),
            ),
        ),
        (
            "max_parallel_threads",
            AerOption(
                None,
                int,
                Effect.WARNS,
                "set OMP_NUM_THREADS before the process starts; 0, all cores, is accepted silently",
                (0,),
            ),
        ),
        _works(
            "max_memory_mb",
            None,
            "most MiB on each MPI rank, beside Python and libraries; 0 and -1 are no limit: what "
            "the machine, its container or its Slurm job has free",
        ),
        *_unused(
            "jobs queue in the session, and their results do not depend on how they are split",
            executor=(None, None),
            max_job_size=(None, int),
            max_shot_size=(None, int),
            max_parallel_experiments=(None, int),
            max_parallel_shots=(None, int),
            accept_distributed_results=(None, bool),
        ),
        *_unused(
            "idle qubits, and what nothing measured or saved depends on, are never simulated",
            enable_truncation=(True, bool),
        ),
        *_unused(
            "results are not rounded, and the tolerance of the checks is fixed",
            zero_threshold=(1e-10, float),
            validation_threshold=(None, float),
            chop_threshold=(1e-8, float),
        ),
        *_unused(
            "LRET multiplies gates and noise by rules of its own",
            fusion_enable=(True, bool),
            fusion_verbose=(False, bool),
            fusion_max_qubit=(None, int),
            fusion_threshold=(None, int),
            fusion_parallelization_threshold=(None, int),
        ),
        *_unused(
            "tunes how Qiskit Aer repeats shots; LRET samples them from one state, or splits the "
            "run where a measurement is not the last word",
            shot_branching_enable=(False, bool),
            shot_branching_sampling_enable=(False, bool),
            runtime_parameter_bind_enable=(False, bool),
        ),
        *_unused(
            "tunes GPUs or Qiskit Aer's own distribution; see `parallelization` and `mpi_ranks`",
            cuStateVec_enable=(False, bool),
            blocking_enable=(False, bool),
            blocking_qubits=(None, int),
            chunk_swap_buffer_qubits=(None, int),
            batched_shots_gpu=(False, bool),
            batched_shots_gpu_max_qubits=(16, int),
            num_threads_per_device=(1, int),
            target_gpus=(None, None),
        ),
        *_unused(
            "belongs to a method of Qiskit Aer that LRET has not",
            statevector_parallel_threshold=(14, int),
            statevector_sample_measure_opt=(10, int),
            stabilizer_max_snapshot_probabilities=(32, int),
            extended_stabilizer_sampling_method=("resampled_metropolis", str),
            extended_stabilizer_metropolis_mixing_time=(5000, int),
            extended_stabilizer_approximation_error=(0.05, float),
            extended_stabilizer_norm_estimation_samples=(100, int),
            extended_stabilizer_norm_estimation_repetitions=(3, int),
            extended_stabilizer_parallel_threshold=(100, int),
            extended_stabilizer_probabilities_snapshot_samples=(3000, int),
            matrix_product_state_truncation_threshold=(1e-16, float),
            matrix_product_state_max_bond_dimension=(None, int),
            mps_sample_measure_algorithm=("mps_heuristic", str),
            mps_log_data=(False, bool),
            mps_swap_direction=("mps_swap_left", str),
            mps_parallel_threshold=(14, int),
            mps_omp_threads=(1, int),
            mps_lapack=(False, bool),
            tensor_network_num_sampling_qubits=(10, int),
            use_cuTensorNet_autotuning=(False, bool),
        ),
        (
            "meas_level",
            AerOption(
                None,
                int,
                Effect.REFUSED,
                "LRET gives the measured bits, not the signals that a device reads them from; 2, "
                "which stands for bits, is accepted",
                (2,),
            ),
        ),
        *_unused(
            "tells a device how to measure and to repeat; every shot begins with all qubits zero",
            meas_return=(None, str),
            init_qubits=(None, bool),
            rep_delay=(None, float),
        ),
    ]
)

_PURE = (
    "a circuit without noise is one column of the factor, a state vector; leave method out, or "
    'take "automatic"'
)
#: Methods of Qiskit Aer that are not LRET's -> what to do instead.
AER_METHODS = {
    "statevector": _PURE,
    "matrix_product_state": _PURE,
    "tensor_network": _PURE,
    "stabilizer": "use Qiskit Aer for Clifford circuits of many qubits",
    "extended_stabilizer": "use Qiskit Aer for it",
    "unitary": "use qiskit.quantum_info.Operator(circuit)",
    "superop": "use qiskit.quantum_info.SuperOp(circuit)",
}

#: Types that a value of each kind may have; NumPy's too.
_ACCEPTED: dict[type, tuple[type, ...]] = {
    bool: (bool, np.bool_),
    int: (Integral,),
    float: (Real,),
    str: (str,),
}


def check_aer_options(given: Mapping[str, Any], stacklevel: int) -> None:
    """Check options of other backends that do not work here; None is the default of each.

    Raises:
        TypeError: for a value of the wrong type.
        ValueError: for a value that LRET cannot honour, such as ``device="GPU"``.
    """
    for name, value in given.items():
        option = AER_OPTIONS.get(name)
        if option is None or option.effect is Effect.WORKS or value is None:
            continue
        _check_type(name, value, option.kind)
        if option.effect is Effect.NONE or value in option.neutral:
            continue
        if option.effect is Effect.REFUSED:
            wanted = " or ".join(map(repr, option.neutral))
            raise ValueError(f"{name} must be {wanted}, got {value!r}: {option.reason}")
        text = f"{name}={value!r} has no effect: {option.reason}"
        warnings.warn(text, UserWarning, stacklevel=stacklevel)


def method_hint(method: Any) -> str | None:
    """What to do instead of asking for a method of Qiskit Aer, None where LRET has it."""
    advice = AER_METHODS.get(method) if isinstance(method, str) else None
    return advice and f"it is a method of Qiskit Aer that LRET has not; {advice}"


def _check_type(name: str, value: Any, kind: type | None) -> None:
    if kind is None:
        return
    is_flag = isinstance(value, bool | np.bool_)
    if not isinstance(value, _ACCEPTED[kind]) or (is_flag and kind is not bool):
        raise TypeError(f"{name} must be of type {kind.__name__}, got {value!r}")
