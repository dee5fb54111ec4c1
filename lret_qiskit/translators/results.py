"""From LRET's results to Qiskit's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit.exceptions import QiskitError
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from lret_qiskit.translators.saves import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from qiskit import QuantumCircuit

    from lret_dist import SimulationResult
    from lret_dist.circuits.saves import Save

__all__ = ["Experiment", "LRETResult", "build_result"]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What the result of a circuit needs beside the simulation's.

    Attributes:
        header: Qiskit's description of the circuit: its name, registers and sizes.
        saves: what is saved, by key.
        shots: number of shots that were asked for.
        memory: whether the result lists every shot.
        rank_history: whether the metadata list the rank after every step.
        translation_time_seconds: time that the translation took.
    """

    header: dict[str, Any]
    saves: dict[str, Save]
    shots: int
    memory: bool
    rank_history: bool
    translation_time_seconds: float

    @classmethod
    def of(
        cls,
        circuit: QuantumCircuit,
        shots: int,
        *,
        saves: Iterable[Save] = (),
        memory: bool,
        rank_history: bool,
        seconds: float,
    ) -> Experiment:
        """Describe a circuit and what it saves."""
        return cls(
            header=_header(circuit),
            saves={save.key: save for save in saves},
            shots=shots,
            memory=memory,
            rank_history=rank_history,
            translation_time_seconds=seconds,
        )

    @property
    def name(self) -> str:
        """The circuit's name."""
        return str(self.header["name"])


class LRETResult(Result):  # type: ignore[misc]
    """Qiskit's result, which also says why there are no counts."""

    def get_counts(self, experiment: Any = None) -> Any:
        """Counts by bit string, as in ``qiskit.result.Result``.

        Raises:
            QiskitError: if the circuit failed, or has no counts; the text says why.
        """
        try:
            return super().get_counts(experiment)
        except QiskitError as error:
            reason = self._why_no_counts(experiment)
            if reason is None:
                raise
            raise QiskitError(reason) from error

    def _why_no_counts(self, experiment: Any) -> str | None:
        keys = range(len(self.results)) if experiment is None else [experiment]
        for found in map(self._get_experiment, keys):
            if not hasattr(found.data, "counts"):
                return f"circuit {found.header['name']!r} has no counts: " + (
                    "it measures nothing" if found.shots else "it was run with shots=0"
                )
        return None


def build_result(
    outcomes: Sequence[SimulationResult | Exception],
    experiments: Sequence[Experiment],
    *,
    date: datetime,
    **fields: Any,
) -> LRETResult:
    """Qiskit's result of a job; a circuit that failed has its message as status.

    Args:
        outcomes: the simulation's result of each circuit, or its error.
        experiments: the circuits, in the same order.
        date: when the job ended.
        fields: further fields of the result: the backend's name and version and the job's id.
    """
    results = [_result(*pair) for pair in zip(outcomes, experiments, strict=True)]
    failed = [result for result in results if not result.success]
    status = "COMPLETED" if not failed else "PARTIAL COMPLETED"
    return LRETResult(
        success=not failed, results=results, status=status, date=date.isoformat(), **fields
    )


def _result(outcome: SimulationResult | Exception, experiment: Experiment) -> ExperimentResult:
    if isinstance(outcome, Exception):
        return ExperimentResult(
            shots=experiment.shots,
            success=False,
            data=ExperimentResultData(),
            status=f"ERROR: circuit {experiment.name!r}: {outcome}",
            header=experiment.header,
            metadata={},
        )
    metadata = {
        **outcome.metadata.to_dict(),
        "translation_time_seconds": experiment.translation_time_seconds,
        **_as_of_aer(outcome, experiment),
    }
    if outcome.standard_errors:
        metadata["standard_errors"] = outcome.standard_errors
    if experiment.rank_history:
        metadata["rank_history"] = outcome.history.to_dict()
    return ExperimentResult(
        shots=experiment.shots,
        success=True,
        data=_data(outcome, experiment),
        status="DONE",
        header=experiment.header,
        seed_simulator=metadata["seed"],
        time_taken=metadata["execution_time_seconds"],
        metadata=metadata,
    )


def _as_of_aer(outcome: SimulationResult, experiment: Experiment) -> dict[str, Any]:
    """What Qiskit Aer's metadata say, under its names."""
    metadata = outcome.metadata
    places = enumerate(metadata.active_input_qubits)
    return {
        "device": "CPU",
        "input_qubit_map": [[qubit, place] for place, qubit in places],
        "num_clbits": outcome.num_clbits,
        "remapped_qubits": False,
        "required_memory_mb": math.ceil(metadata.peak_memory_mb),
        "result_subtypes": {key: save.subtype for key, save in experiment.saves.items()},
        "result_types": {key: save.name for key, save in experiment.saves.items()},
        "time_taken": metadata.execution_time_seconds,
    }


def _data(outcome: SimulationResult, experiment: Experiment) -> ExperimentResultData:
    values = {
        key: shown(experiment.saves[key], value, outcome.num_clbits)
        for key, value in outcome.data.items()
    }
    if outcome.samples is not None:
        values["counts"] = {hex(bits): times for bits, times in outcome.counts().items()}
        if experiment.memory:
            values["memory"] = [hex(bits) for bits in outcome.memory()]
    return ExperimentResultData(**values)


def _header(circuit: QuantumCircuit) -> dict[str, Any]:
    return {
        "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
        "global_phase": float(circuit.global_phase),
        "memory_slots": circuit.num_clbits,
        "n_qubits": circuit.num_qubits,
        "name": circuit.name,
        "qreg_sizes": [[register.name, register.size] for register in circuit.qregs],
        "metadata": circuit.metadata or {},
    }
