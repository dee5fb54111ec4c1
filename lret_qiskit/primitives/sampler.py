"""The sampler: bits of noisy circuits by classical register."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qiskit.primitives import BaseSamplerV2, SamplerPubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub

from lret_qiskit.backends.run_input import check_size
from lret_qiskit.primitives.base import LRETPrimitive, naming
from lret_qiskit.primitives.bit_arrays import RegisterBits
from lret_qiskit.primitives.options import SamplerOptions, made_options
from lret_qiskit.primitives.pub_task import PubTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from qiskit.primitives.containers import SamplerPubLike

    from lret_dist import Circuit, NoiseModel, SimulationOptions, SimulationResult
    from lret_qiskit.primitives.job import LRETPrimitiveJob

__all__ = ["LRETSampler"]


class LRETSampler(LRETPrimitive, BaseSamplerV2):  # type: ignore[misc]
    """Samples the classical registers of noisy circuits.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> bell = QuantumCircuit(2)
        >>> _ = bell.h(0), bell.cx(0, 1)
        >>> bell.measure_all()
        >>> result = LRETSampler(seed=1).run([bell], shots=1000).result()
        >>> sorted(result[0].data.meas.get_counts())
        ['00', '11']
    """

    def __init__(
        self,
        backend: Any = None,
        *,
        default_shots: int | None = None,
        seed: int | np.random.Generator | None = None,
        options: Mapping[str, Any] | None = None,
        **run_options: Any,
    ) -> None:
        """Make a sampler.

        Args:
            backend: as of :meth:`from_backend`; default: a backend of its own.
            default_shots: shots of a PUB that does not say how many; default: 1024.
            seed: seed of all sampling; a generator draws one for each call of :meth:`run`.
            options: ``default_shots``, ``seed_simulator``, ``backend_options`` and
                ``run_options``, as of the samplers of Qiskit and of Qiskit Aer.
            run_options: run options given by themselves, such as ``noise_model`` and ``epsilon``;
                see ``LRETBackend.run``.

        Raises:
            TypeError: for an option of the wrong type, or one that a sampler has not.
            ValueError: for an option out of range.
        """
        own = {"default_shots": default_shots, "seed_simulator": seed}
        super().__init__(backend, made_options(SamplerOptions, options, run_options, **own))

    @property
    def options(self) -> SamplerOptions:
        """The options; a change acts from the next run on."""
        options: SamplerOptions = self._options
        return options

    @property
    def default_shots(self) -> int:
        """Shots of a PUB that does not say how many."""
        return self.options.default_shots

    def run(self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None) -> LRETPrimitiveJob:
        """Start a job; it goes on in the background.

        Its result holds, for each PUB and classical register, a ``BitArray`` of the shape of the
        PUB's parameter sets.

        Args:
            pubs: circuits, or ``(circuit, parameter values, shots)``. They need not be transpiled.
            shots: shots of those that do not say how many; default: :attr:`default_shots`.

        Raises:
            TypeError: for something that is no PUB, or an option of the wrong type.
            ValueError: for a circuit that cannot be simulated, parameter values that do not fit,
                or an option out of range.
        """
        shots = self.default_shots if shots is None else shots
        coerced = []
        for number, pub in enumerate(pubs):
            with naming(f"PUB {number}"):
                coerced.append(SamplerPub.coerce(pub, shots))
        options = self._run_options()
        noise = self._noise(options)
        tasks = []
        for number, pub in enumerate(coerced):
            name = f"PUB {number} ({pub.circuit.name!r})"
            if not pub.circuit.cregs:
                text = (
                    f"{name} has no classical register, so nothing is sampled: measure its qubits"
                )
                warnings.warn(text, UserWarning, stacklevel=2)
            with naming(name):
                check_size(pub.circuit, self.backend.num_qubits)
                tasks.append(_SamplerTask(name, pub, noise, options.simulation))
        return self._started(tasks, noise, [pub.circuit for pub in coerced], options.progress)


class _SamplerTask(PubTask):
    """A PUB of a sampler."""

    def __init__(
        self, name: str, pub: SamplerPub, noise: NoiseModel | None, options: SimulationOptions
    ) -> None:
        super().__init__(name, pub.circuit, pub.parameter_values, noise)
        self._pub = pub
        self._run_options = replace(options, shots=pub.shots)
        self._bits = RegisterBits(pub.circuit, pub.shape, pub.shots)

    def result(self) -> SamplerPubResult:
        metadata = self._metadata(self._pub.circuit, shots=self._pub.shots)
        return SamplerPubResult(self._bits.data(), metadata=metadata)

    def _options(self, _: int) -> SimulationOptions:
        return self._run_options

    def _complete(self, circuit: Circuit, number: int) -> None:
        """Samples need no save."""

    def _put(self, number: int, result: SimulationResult) -> None:
        self._bits.put(number, result.samples)
