"""A PUB as runs of LRET: which requests it takes, and what comes of their results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import SimulationRequest
from lret_qiskit.backends.seeds import seeded
from lret_qiskit.primitives.bindings import Bindings
from lret_qiskit.primitives.summary import RunSummary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qiskit import QuantumCircuit
    from qiskit.primitives.containers import PubResult
    from qiskit.primitives.containers.bindings_array import BindingsArray

    from lret_dist import Circuit, NoiseModel, SimulationOptions, SimulationResult

__all__ = ["PubTask"]


class PubTask(ABC):
    """One PUB: a run for each of its parameter sets.

    Attributes:
        name: what errors call it.
        size: number of parameter sets.
        first: the circuit of the first parameter set, or None where there is none.
    """

    def __init__(
        self,
        name: str,
        circuit: QuantumCircuit,
        parameter_values: BindingsArray,
        noise: NoiseModel | None,
    ) -> None:
        """Translate the circuit as far as it does not depend on the parameters.

        Raises:
            ValueError: for a circuit that cannot be simulated, or a value that is not finite.
        """
        self.name = name
        self._noise = noise
        self._shape = parameter_values.shape
        values = np.asarray(parameter_values.as_array(circuit.parameters), dtype=np.float64)
        _check_finite(values, [parameter.name for parameter in circuit.parameters])
        size = int(np.prod(self._shape))
        self._bindings = Bindings(circuit, values.reshape(size, circuit.num_parameters), noise)
        self.size = self._bindings.size
        self.first = self._bindings.first
        self._summary = RunSummary(self._shape)

    def requests(self, numbers: range, seed_number: int) -> list[SimulationRequest]:
        """The runs of some parameter sets.

        Args:
            numbers: numbers of the parameter sets in the flattened shape.
            seed_number: number of the first of them among all runs of the job.

        Raises:
            ValueError: for a parameter set that makes no circuit.
        """
        requests: list[SimulationRequest] = []
        for number, circuit in zip(numbers, self._bindings.circuits(numbers), strict=True):
            circuit.name = self.where(number)
            self._complete(circuit, number)
            options = seeded(self._options(number), seed_number + len(requests))
            requests.append(SimulationRequest(circuit=circuit, noise=self._noise, options=options))
        return requests

    def take(self, number: int, result: SimulationResult) -> None:
        """Take the result of one parameter set."""
        self._summary.put(number, result.metadata)
        self._put(number, result)

    def where(self, number: int) -> str:
        """The name of one parameter set for errors."""
        if not self._shape:
            return self.name
        place = tuple(int(each) for each in np.unravel_index(number, self._shape))
        return f"{self.name}, parameter set {place}"

    @abstractmethod
    def result(self) -> PubResult:
        """The PUB's result, once all runs are taken."""

    @abstractmethod
    def _options(self, number: int) -> SimulationOptions:
        """Options of one run, with the seed of the job's first run."""

    @abstractmethod
    def _complete(self, circuit: Circuit, number: int) -> None:
        """Append what is to be saved."""

    @abstractmethod
    def _put(self, number: int, result: SimulationResult) -> None:
        """Take what was sampled or saved."""

    def _metadata(self, circuit: QuantumCircuit, **facts: Any) -> dict[str, Any]:
        summary = self._summary.to_dict()
        return {**facts, "circuit_metadata": circuit.metadata, "simulator_metadata": summary}


def _check_finite(values: NDArray[np.float64], names: Sequence[str]) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        *place, column = wrong[0].tolist()
        raise ValueError(
            f"parameter values must be finite, got {values[tuple(wrong[0])]} for "
            f"{names[column]!r}" + (f" in parameter set {tuple(place)}" if place else "")
        )
