"""Options of the primitives, and the backends that they take."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from qiskit.providers import BackendV2
from qiskit_aer.backends.aerbackend import AerBackend

from lret_qiskit.backends import LRETBackend
from lret_qiskit.backends.simulated import options_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

__all__ = ["EstimatorOptions", "SamplerOptions", "as_lret_backend", "made_options"]

_Options = TypeVar("_Options", "SamplerOptions", "EstimatorOptions")


_VALUES = "parameter values come with a PUB"


@dataclass
class SamplerOptions:
    """Options of an ``LRETSampler``.

    Attributes:
        default_shots: shots of a PUB that does not say how many.
        seed_simulator: seed of all sampling: an integer, a generator that draws one for each
            call of ``run``, or None for that of the run options or a fresh one.
        backend_options: options of the backend.
        run_options: options of its ``run``.
    """

    #: Run options that are set otherwise, and how.
    set_otherwise: ClassVar[Mapping[str, str]] = {
        "shots": "default_shots sets the shots",
        "memory": "a sampler lists every shot",
        "parameter_binds": _VALUES,
    }

    default_shots: int = 1024
    seed_simulator: int | np.random.Generator | None = None
    backend_options: dict[str, Any] = field(default_factory=dict)
    run_options: dict[str, Any] = field(default_factory=dict)


@dataclass
class EstimatorOptions:
    """Options of an ``LRETEstimator``.

    Attributes:
        default_precision: precision of a PUB that does not say which; 0 samples nothing.
        seed_simulator: seed of all sampling: an integer, a generator that draws one for each
            call of ``run``, or None for that of the run options or a fresh one.
        backend_options: options of the backend.
        run_options: options of its ``run``.
    """

    #: Run options that are set otherwise, and how.
    set_otherwise: ClassVar[Mapping[str, str]] = {
        "memory": "an estimator lists no shots",
        "parameter_binds": _VALUES,
    }

    default_precision: float = 0.0
    seed_simulator: int | np.random.Generator | None = None
    backend_options: dict[str, Any] = field(default_factory=dict)
    run_options: dict[str, Any] = field(default_factory=dict)


def made_options(
    kind: type[_Options],
    given: Mapping[str, Any] | None,
    run_options: Mapping[str, Any],
    **own: Any,
) -> _Options:
    """The options of a primitive.

    Args:
        kind: which options.
        given: the caller's dictionary of options, or None.
        run_options: run options given by themselves, which go before those of the dictionary.
        own: further options given by themselves, likewise; None for those that are not.

    Raises:
        TypeError: for an option that the primitive has not.
    """
    for name in run_options:
        if name in kind.set_otherwise:
            raise TypeError(f"{name} is no option here; {kind.set_otherwise[name]}")
    values = dict(given or {})
    known = [each.name for each in fields(kind)]
    if unknown := [name for name in values if name not in known]:
        raise TypeError(
            f"options of a primitive are {', '.join(known)}, got {unknown[0]!r}; those of the "
            f"simulator go into run_options, or are given by themselves"
        )
    values.update({name: value for name, value in own.items() if value is not None})
    for name in ("backend_options", "run_options"):
        values[name] = dict(values.get(name) or {})
    values["run_options"].update(run_options)
    return kind(**values)


def as_lret_backend(backend: Any, options: Mapping[str, Any]) -> LRETBackend:
    """LRET's backend for whatever backend a primitive is given.

    Args:
        backend: one of LRET, which is taken as it is; a simulator of Qiskit Aer, whose noise model
            and options are taken where they mean the same here; any other, whose noise is
            simulated; or None.
        options: options of the backend that is made.

    Raises:
        TypeError: for anything else.
    """
    if backend is None:
        return LRETBackend(**options)
    if isinstance(backend, LRETBackend):
        return backend
    if not isinstance(backend, BackendV2):
        raise TypeError(
            f"backend must be an LRETBackend, or another BackendV2 whose noise is simulated, "
            f"got {type(backend).__name__}"
        )
    if not isinstance(backend, AerBackend):
        return LRETBackend.from_backend(backend, **options)
    # Its own number of qubits says how much memory it would take.
    return LRETBackend(**options_from(backend, options))
