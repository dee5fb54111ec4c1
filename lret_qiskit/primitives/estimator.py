"""The estimator: expectation values of observables in the noisy states of circuits."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.primitives import BaseEstimatorV2, DataBin, PubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub

from lret_dist import Barrier, Circuit
from lret_qiskit.backends.run_input import check_size
from lret_qiskit.primitives.base import LRETPrimitive, naming
from lret_qiskit.primitives.observables import (
    SavedSums,
    acting_qubits,
    distinct_observables,
    without_idle_qubits,
)
from lret_qiskit.primitives.options import EstimatorOptions, made_options
from lret_qiskit.primitives.precision import (
    check_finite,
    options_for,
    options_with_shots,
    samples,
)
from lret_qiskit.primitives.pub_task import PubTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from qiskit.primitives.containers import EstimatorPubLike

    from lret_dist import NoiseModel, Operation, SimulationOptions, SimulationResult
    from lret_qiskit.primitives.job import LRETPrimitiveJob
    from lret_qiskit.primitives.observables import Observable

__all__ = ["LRETEstimator"]

#: Names of what a run saves; those of a user's own saves are others.
_KEY = "lret estimator {}"


class LRETEstimator(LRETPrimitive, BaseEstimatorV2):  # type: ignore[misc]
    """Expectation values of observables in the noisy states of circuits.

    All observables of a parameter set come from one run. With precision 0 nothing is sampled: the
    values are those of the noisy state, within the bound that the metadata give. With a larger
    precision small branches of the noise may be sampled, until the standard error is below it.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> bell = QuantumCircuit(2)
        >>> _ = bell.h(0), bell.cx(0, 1)
        >>> result = LRETEstimator().run([(bell, ["ZZ", "ZI"])]).result()
        >>> [round(float(value), 6) for value in result[0].data.evs]
        [1.0, 0.0]
    """

    def __init__(
        self,
        backend: Any = None,
        *,
        default_precision: float | None = None,
        seed: int | np.random.Generator | None = None,
        options: Mapping[str, Any] | None = None,
        **run_options: Any,
    ) -> None:
        """Make an estimator.

        Args:
            backend: as of :meth:`from_backend`; default: a backend of its own.
            default_precision: precision of a PUB that does not say which; default: 0.
            seed: seed of all sampling; a generator draws one for each call of :meth:`run`.
            options: ``default_precision``, ``seed_simulator``, ``backend_options`` and
                ``run_options``, as of the estimators of Qiskit and of Qiskit Aer.
            run_options: run options given by themselves, such as ``noise_model`` and ``epsilon``;
                see ``LRETBackend.run``.

        Raises:
            TypeError: for an option of the wrong type, or one that an estimator has not.
            ValueError: for an option out of range.
        """
        if isinstance(run_options.get("precision"), Real):
            raise TypeError(
                "precision is that of floating-point numbers here, such as 'single'; the "
                "estimates' is default_precision"
            )
        own = {"default_precision": default_precision, "seed_simulator": seed}
        super().__init__(backend, made_options(EstimatorOptions, options, run_options, **own))

    @property
    def options(self) -> EstimatorOptions:
        """The options; a change acts from the next run on."""
        options: EstimatorOptions = self._options
        return options

    @property
    def default_precision(self) -> float:
        """Precision of a PUB that does not say which."""
        return self.options.default_precision

    def run(
        self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None
    ) -> LRETPrimitiveJob:
        """Start a job; it goes on in the background.

        Its result holds for each PUB ``evs`` and ``stds``, of the shape to which observables and
        parameter sets are broadcast. ``stds`` are standard errors: 0 where nothing was sampled.
        Measurements in a circuit act on its state, and so on what is estimated. Where their
        outcomes decide what is done, they are sampled: with precision 0, as often as the run option
        ``shots`` says.

        Args:
            pubs: ``(circuit, observables, parameter values, precision)``, the last two where they
                are needed. Circuits need not be transpiled.
            precision: largest standard error, or error, of those that do not say which; default:
                :attr:`default_precision`. 0 samples nothing.

        Raises:
            TypeError: for something that is no PUB, or an option of the wrong type.
            ValueError: for a circuit that cannot be simulated, observables or parameter values
                that do not fit, complex coefficients, or an option out of range.
        """
        precision = (self.default_precision or 0.0) if precision is None else precision
        coerced = []
        for number, pub in enumerate(pubs):
            with naming(f"PUB {number}"):
                coerced.append(EstimatorPub.coerce(pub, precision))
                check_finite(coerced[-1].precision)
        options = self._run_options()
        noise = self._noise(options)
        tasks = []
        for number, pub in enumerate(coerced):
            name = f"PUB {number} ({pub.circuit.name!r})"
            with naming(name):
                wide = pub.circuit.num_qubits > self.backend.num_qubits
                looked_at = acting_qubits(pub.observables) if wide else ()
                check_size(pub.circuit, self.backend.num_qubits, looked_at)
                tasks.append(_EstimatorTask(name, pub, noise, options.simulation))
        return self._started(tasks, noise, [pub.circuit for pub in coerced], options.progress)


class _EstimatorTask(PubTask):
    """A PUB of an estimator."""

    def __init__(
        self, name: str, pub: EstimatorPub, noise: NoiseModel | None, options: SimulationOptions
    ) -> None:
        super().__init__(name, pub.circuit, pub.parameter_values, noise)
        self._pub = pub
        self._base = options
        used = _used(self.first, noise)
        self._used_qubits = len(used)
        observables, numbers = distinct_observables(pub.observables)
        self._observables = self._reduced(observables, used)
        places = np.arange(self.size).reshape(pub.parameter_values.shape)
        sets, self._wanted = (each.ravel() for each in np.broadcast_arrays(places, numbers))
        # The values of each parameter set lie side by side in this order of all values.
        self._order = np.argsort(sets, kind="stable")
        self._starts = np.searchsorted(sets[self._order], np.arange(self.size + 1))
        # Where outcomes decide what is done, each shot has an expectation value of its own.
        self._by_shots = self.first is not None and self.first.is_dynamic
        self._values, self._errors, self._bounds = np.zeros((3, sets.size))
        self._sums: dict[tuple[int, ...], SavedSums] = {}
        self._saves: dict[SavedSums, list[Operation]] = {}

    def result(self) -> PubResult:
        shape = self._pub.shape
        data = DataBin(
            evs=self._values.reshape(shape), stds=self._errors.reshape(shape), shape=shape
        )
        metadata = self._metadata(self._pub.circuit, target_precision=self._pub.precision)
        summary = metadata["simulator_metadata"]
        # That of the runs is of what they save; stds hold those of the observables.
        del summary["standard_error"]
        summary["error_bounds"] = self._bounds.reshape(shape)
        return PubResult(data, metadata=metadata)

    def _reduced(self, observables: list[Observable], used: frozenset[int]) -> list[Observable]:
        """The observables on the qubits in use; the others are in their zero state."""
        if self._base.initial_state is not None:
            return observables
        return [without_idle_qubits(each, used) for each in observables]

    def _options(self, number: int) -> SimulationOptions:
        sums = self._sums_of(number)
        if self._by_shots:
            return options_with_shots(self._base, self._pub.precision, sums.size)
        return options_for(
            self._base, self._pub.precision, sums.size, self._used_qubits, sums.scale
        )

    def _complete(self, circuit: Circuit, number: int) -> None:
        sums = self._sums_of(number)
        if sums not in self._saves:
            subtype = "list" if self._by_shots else "average"
            self._saves[sums] = _saves(sums, circuit.num_qubits, subtype)
        circuit.operations += self._saves[sums]

    def _put(self, number: int, result: SimulationResult) -> None:
        sums = self._sums_of(number)
        keys = [_KEY.format(place) for place in range(len(sums.sums))]
        where = self._places(number)
        _, places = np.unique(self._wanted[where], return_inverse=True)
        saved = np.array([result.data[key] for key in keys], dtype=np.float64)
        errors = np.zeros(len(keys))
        bounds = sums.bounds(result.metadata.truncation_error or 0.0)
        if self._by_shots and keys:
            errors = saved.std(axis=1) / np.sqrt(max(1, saved.shape[1] - 1))
            saved = saved.mean(axis=1)
        elif result.metadata.truncation == "unbiased":
            errors = np.array([result.standard_errors[key] for key in keys])
            bounds[:] = np.nan
        self._values[where] = sums.values(saved)[places]
        self._errors[where] = sums.errors(errors)[places]
        self._bounds[where] = bounds[places]

    def _places(self, number: int) -> NDArray[np.intp]:
        """Where in the result the values of a parameter set go."""
        return self._order[self._starts[number] : self._starts[number + 1]]

    def _sums_of(self, number: int) -> SavedSums:
        """What the run of a parameter set saves."""
        wanted = tuple(np.unique(self._wanted[self._places(number)]).tolist())
        if wanted not in self._sums:
            observables = [self._observables[each] for each in wanted]
            spread = samples(self._base, self._pub.precision, self._used_qubits)
            shared = not (spread or self._by_shots)
            self._sums[wanted] = SavedSums(observables, shared=shared)
        return self._sums[wanted]


def _saves(sums: SavedSums, num_qubits: int, subtype: str) -> list[Operation]:
    """Operations that save the sums."""
    circuit = Circuit(num_qubits)
    for place, terms in enumerate(sums.sums):
        qubits = sorted({qubit for pauli, _ in terms for qubit, _ in pauli})
        strings = {_string(dict(pauli), qubits): value for pauli, value in terms}
        circuit.save_expectation_value(strings, qubits, key=_KEY.format(place))
    return [replace(save, subtype=subtype) for save in circuit.saves]


def _used(circuit: Circuit | None, noise: NoiseModel | None) -> frozenset[int]:
    """Qubits that an operation other than a barrier acts on, or the noise of one."""
    if circuit is None:
        return frozenset()
    # An error may act on other qubits than its instruction does.
    bound = circuit if noise is None else noise.bind(circuit)
    return frozenset(q for op in bound if not isinstance(op, Barrier) for q in op.qubits)


def _string(letters: Mapping[int, str], qubits: list[int]) -> str:
    """Letters of a Pauli string on the given qubits, the first one's last."""
    return "".join(letters.get(qubit, "I") for qubit in reversed(qubits))
