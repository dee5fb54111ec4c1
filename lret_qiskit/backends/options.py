"""Run options: defaults, aliases, warnings on unknown names, and the checked result."""

from __future__ import annotations

import secrets
import warnings
from dataclasses import dataclass, fields
from difflib import get_close_matches
from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.providers import Options
from qiskit_aer.noise import NoiseModel as AerNoiseModel

from lret_dist import NoiseModel, SimulationOptions
from lret_dist.options import METHODS, PARALLELIZATIONS, PRECISIONS, TRUNCATIONS
from lret_dist.runs.progress_bar import ProgressOption, check_progress
from lret_qiskit.backends.aer_options import AER_OPTIONS, Effect, check_aer_options, method_hint
from lret_qiskit.backends.seeds import seeded
from lret_qiskit.backends.target import basis_names, coupling_edges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "RunOptions",
    "as_defaults",
    "default_options",
    "merged_options",
    "no_option",
    "without_alias",
]

#: As in Qiskit Aer: 32 bits are a seed for any other tool too.
_FRESH_SEED_BITS = 32
#: Options for which None is a value of its own, such as no noise.
_NONE_IS_A_VALUE = frozenset(
    {
        *("initial_state", "max_rank", "noise_model", "resolution", "standard_error"),
        *("process_grid", "checkpoint"),
    }
)
_SIMULATION_OPTIONS = tuple(f.name for f in fields(SimulationOptions) if f.name != "seed")
#: What Qiskit's own validators can check: they know neither None nor NumPy's integers.
_VALIDATORS: dict[str, list[str] | tuple[float, float]] = {
    "method": list(METHODS),
    "parallelization": list(PARALLELIZATIONS),
    "precision": list(PRECISIONS),
    "truncation": list(TRUNCATIONS),
    "epsilon": (0, 1),
    "shots": (0, inf),
}


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of one job, checked.

    Attributes:
        simulation: options of the simulator, with the seed of the job's first circuit.
        memory: whether the result lists every shot.
        rank_history: whether the metadata list the rank after every step.
        progress: whether to show how far the run is while its result is waited for, or a function
            that is called with it.
        noise_model: noise of every circuit, or None.
    """

    simulation: SimulationOptions
    memory: bool
    rank_history: bool
    progress: ProgressOption
    noise_model: AerNoiseModel | NoiseModel | None

    def for_circuit(self, number: int) -> SimulationOptions:
        """Options of the job's circuit ``number``, which has a seed of its own."""
        return seeded(self.simulation, number)


def default_options() -> Options:
    """Every option of a backend with its default."""
    simulator = SimulationOptions()
    values = {name: option.default for name, option in AER_OPTIONS.items()}
    values |= {name: getattr(simulator, name) for name in _SIMULATION_OPTIONS}
    values |= {"seed_simulator": None, "memory": False, "rank_history": False, "noise_model": None}
    values["progress"] = "auto"
    options = Options(**values)
    for name, validator in _VALIDATORS.items():
        options.set_validator(name, validator)
    return options


def merged_options(defaults: Options, given: Mapping[str, Any]) -> RunOptions:
    """The options of a run: those given, else the backend's.

    ``None`` means the backend's too, except where it is a value of its own.

    Raises:
        TypeError: for a value of the wrong type.
        ValueError: for a value out of range, or one that LRET cannot honour.
    """
    values = dict(defaults.items())
    unknown = []
    for name, value in without_alias(given).items():
        if name not in values:
            unknown.append(name)
        elif value is not None or name in _NONE_IS_A_VALUE:
            values[name] = value
    if unknown:
        _warn_unknown(unknown, values)
    check_aer_options({"device": values["device"], **given}, stacklevel=4)
    _check_shape(given)
    return _checked(values)


def as_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options to keep as a backend's defaults; ``None`` stands for LRET's own default.

    Raises:
        AttributeError: for an unknown option.
    """
    own = dict(default_options().items())
    options = without_alias(given)
    for name in options:
        if name not in own:
            raise AttributeError(no_option(name, own))
    return {name: own.get(name) if value is None else value for name, value in options.items()}


def without_alias(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options with ``seed`` renamed to ``seed_simulator``."""
    options = dict(given)
    seed = options.pop("seed", None)
    if seed is None:
        return options
    if options.get("seed_simulator") not in (None, seed):
        raise ValueError(
            f"seed and seed_simulator are two names of one option, "
            f"got {seed!r} and {options['seed_simulator']!r}"
        )
    return {**options, "seed_simulator": seed}


def _checked(values: Mapping[str, Any]) -> RunOptions:
    return RunOptions(
        simulation=_simulation(values),
        memory=_flag("memory", values["memory"]),
        rank_history=_flag("rank_history", values["rank_history"]),
        progress=check_progress(values["progress"]),
        noise_model=_noise_model(values["noise_model"]),
    )


def _simulation(values: Mapping[str, Any]) -> SimulationOptions:
    seed = values["seed_simulator"]
    # The seed of the first circuit repeats the whole job, as in Qiskit Aer. A run that may go on
    # from a checkpoint is known again by its options, and keeps the seed in the checkpoint.
    if seed is None and values["checkpoint"] is None:
        seed = secrets.randbits(_FRESH_SEED_BITS)
    own = {name: values[name] for name in _SIMULATION_OPTIONS}
    own["max_memory_mb"] = _memory_limit(own["max_memory_mb"])
    try:
        return SimulationOptions(seed=seed, **own)
    except ValueError as error:
        if (hint := method_hint(values["method"])) is not None:
            raise ValueError(f"{error}: {hint}") from None
        raise


def _memory_limit(value: Any) -> Any:
    """Most memory of a run; Qiskit Aer writes 0 and -1 where there is no limit."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return None if is_number and value in (0, -1) else value


def _check_shape(given: Mapping[str, Any]) -> None:
    """Check what shapes the target; circuits are not transpiled again when they are run."""
    if (coupling_map := given.get("coupling_map")) is not None:
        coupling_edges(coupling_map)
    if (basis_gates := given.get("basis_gates")) is not None:
        basis_names(basis_gates)


def _warn_unknown(names: list[str], known: Iterable[str]) -> None:
    what = ", ".join(map(repr, names))
    number, verb = ("options", "are") if len(names) > 1 else ("option", "is")
    text = f"unknown run {number} {what} {verb} ignored; {_hint(names[0], known)}"
    warnings.warn(text, UserWarning, stacklevel=4)


def no_option(name: str, known: Iterable[str]) -> str:
    """What to say of an option that there is not, with what may have been meant."""
    return f"there is no option {name!r}; {_hint(name, known)}"


def _hint(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    own = sorted(each for each in known if _is_of_use(each))
    return f"options: {', '.join(own)}"


def _is_of_use(name: str) -> bool:
    return name not in AER_OPTIONS or AER_OPTIONS[name].effect is Effect.WORKS


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def _noise_model(value: Any) -> AerNoiseModel | NoiseModel | None:
    if value is None or isinstance(value, AerNoiseModel | NoiseModel):
        return value
    raise TypeError(
        f"noise_model must be a NoiseModel of Qiskit Aer or of lret_dist, "
        f"got {type(value).__name__}"
    )
