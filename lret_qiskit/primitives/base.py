"""What sampler and estimator share: a backend, options, and how PUBs become a job."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields
from operator import index
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from qiskit.providers import BackendV2

from lret_qiskit.backends import LRETBackend
from lret_qiskit.backends.options import RunOptions, merged_options, no_option
from lret_qiskit.backends.requests import noise_of
from lret_qiskit.backends.run_input import written_names
from lret_qiskit.noise_matching import check_noise_acts
from lret_qiskit.noise_model_importer import ImportCache
from lret_qiskit.primitives.job import LRETPrimitiveJob
from lret_qiskit.primitives.options import EstimatorOptions, SamplerOptions, as_lret_backend

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qiskit import QuantumCircuit

    from lret_dist import NoiseModel
    from lret_dist.runs.progress_bar import ProgressOption
    from lret_qiskit.primitives.pub_task import PubTask

__all__ = ["LRETPrimitive", "naming"]


class LRETPrimitive:
    """A primitive that runs PUBs on one of LRET's backends."""

    def __init__(self, backend: Any, options: SamplerOptions | EstimatorOptions) -> None:
        """Take or make the backend, and check the run options."""
        self._options: Any = options
        # A backend that was given keeps its options: those for it then count as run options.
        self._extra = options.backend_options if isinstance(backend, LRETBackend) else {}
        self._backend = as_lret_backend(backend, options.backend_options)
        self._imports = ImportCache()
        self._check_names()
        merged_options(self._backend.options, self._given())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._backend!r})"

    @classmethod
    def from_backend(cls, backend: BackendV2, **options: Any) -> Self:
        """A primitive on a backend.

        Args:
            backend: one of LRET; or any other, whose noise is simulated: the noise model of a
                simulator of Qiskit Aer, whose shots, seed, method and precision count too where
                LRET has them, or that of a device.
            options: arguments of the primitive.

        Raises:
            TypeError: for anything that is no BackendV2, and as of the primitive.
        """
        if not isinstance(backend, BackendV2):
            raise TypeError(f"backend must be a BackendV2, got {type(backend).__name__}")
        return cls(backend, **options)

    @property
    def backend(self) -> LRETBackend:
        """The backend that runs the circuits."""
        return self._backend

    @property
    def seed(self) -> int | np.random.Generator | None:
        """Seed of all sampling, or None for that of the run options."""
        seed: int | np.random.Generator | None = self._options.seed_simulator
        return seed

    def _run_options(self) -> RunOptions:
        """The run options, checked; a generator given as the seed draws one."""
        given = self._given()
        if self.seed is not None:
            given.pop("seed", None)
            given["seed_simulator"] = _drawn(self.seed)
        return merged_options(self._backend.options, given)

    def _given(self) -> dict[str, Any]:
        given = {**self._extra, **self._options.run_options}
        otherwise = self._options.set_otherwise
        return {name: value for name, value in given.items() if name not in otherwise}

    def _check_names(self) -> None:
        """Check that there are all run options that were given.

        Raises:
            TypeError: naming the first that there is not.
        """
        options = self._options
        known = {*dict(self._backend.options.items()), "seed"}
        others = {each.name for each in fields(options)} - options.set_otherwise.keys()
        for name in options.run_options:
            if name not in known:
                raise TypeError(no_option(name, known - options.set_otherwise.keys() | others))

    def _noise(self, options: RunOptions) -> NoiseModel | None:
        return noise_of(options, self._imports)

    def _started(
        self,
        tasks: Sequence[PubTask],
        noise: NoiseModel | None,
        circuits: Sequence[QuantumCircuit],
        progress: ProgressOption,
    ) -> LRETPrimitiveJob:
        """A job of PUBs, and their circuits as they were given."""
        sent = [task.first for task in tasks if task.first is not None]
        if noise is not None and sent:
            check_noise_acts(noise, sent, written_names(circuits), stacklevel=4)
        return LRETPrimitiveJob(self._backend.session, tasks, progress)


@contextmanager
def naming(pub: str) -> Iterator[None]:
    """Errors of what is wrong with a PUB begin with its name."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{pub}: {error}") from error


def _drawn(seed: int | np.random.Generator) -> int:
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(1 << 63))
    return index(seed)
