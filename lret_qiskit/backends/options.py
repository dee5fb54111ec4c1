"""Run options: defaults, aliases, warnings on unknown names, and the checked result."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.providers import Options
from qiskit_aer.noise import NoiseModel as AerNoiseModel

from lret_dist import NoiseModel, SimulationOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["RunOptions", "as_defaults", "default_options", "merged_options"]

#: Distance between the seeds of two neighbouring circuits of a job, as in Qiskit Aer.
SEED_STRIDE = 2113
_NUM_SEEDS = 2**64
#: Options for which None is a value of its own, such as no noise.
_NONE_IS_A_VALUE = frozenset(
    {
        *("initial_state", "max_rank", "noise_model", "resolution", "standard_error"),
        *("process_grid", "checkpoint"),
    }
)
#: Options of Qiskit Aer that change results, so that they must not be ignored.
_REFUSED = {"parameter_binds": "bind the parameters with QuantumCircuit.assign_parameters"}
_SIMULATION_OPTIONS = tuple(f.name for f in fields(SimulationOptions) if f.name != "seed")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of one job, checked.

    Attributes:
        simulation: options of the simulator, with the seed of the job's first circuit.
        memory: whether the result lists every shot.
        rank_history: whether the metadata list the rank after every step.
        noise_model: noise of every circuit, or None.
    """

    simulation: SimulationOptions
    memory: bool
    rank_history: bool
    noise_model: AerNoiseModel | NoiseModel | None

    def for_circuit(self, number: int) -> SimulationOptions:
        """Options of the job's circuit ``number``, which has a seed of its own."""
        if self.simulation.seed is None or number == 0:
            return self.simulation
        seed = (self.simulation.seed + SEED_STRIDE * number) % _NUM_SEEDS
        return replace(self.simulation, seed=seed)


def default_options() -> Options:
    """Every option of a backend with its default."""
    simulator = SimulationOptions()
    values = {name: getattr(simulator, name) for name in _SIMULATION_OPTIONS}
    return Options(
        **values, seed_simulator=None, memory=False, rank_history=False, noise_model=None
    )


def merged_options(defaults: Options, given: Mapping[str, Any]) -> RunOptions:
    """The options of a run: those given, else the backend's.

    ``None`` means the backend's too, except where it is a value of its own.

    Raises:
        TypeError: for a value of the wrong type.
        ValueError: for a value out of range, or an option that cannot be ignored.
    """
    values = dict(defaults.items())
    unknown = []
    for name, value in _without_alias(given).items():
        if name in _REFUSED and value:
            raise ValueError(f"{name} is not supported: {_REFUSED[name]}")
        if name not in values:
            unknown.append(name)
        elif value is not None or name in _NONE_IS_A_VALUE:
            values[name] = value
    if unknown:
        _warn_unknown(unknown, values)
    return RunOptions(
        simulation=SimulationOptions(
            seed=values["seed_simulator"], **{name: values[name] for name in _SIMULATION_OPTIONS}
        ),
        memory=_flag("memory", values["memory"]),
        rank_history=_flag("rank_history", values["rank_history"]),
        noise_model=_noise_model(values["noise_model"]),
    )


def as_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options to keep as a backend's defaults; ``None`` stands for LRET's own default.

    Raises:
        AttributeError: for an unknown option.
    """
    own = dict(default_options().items())
    options = _without_alias(given)
    for name in options:
        if name not in own:
            raise AttributeError(f"there is no option {name!r}; {_hint(name, own)}")
    return {name: own.get(name) if value is None else value for name, value in options.items()}


def _without_alias(given: Mapping[str, Any]) -> dict[str, Any]:
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


def _warn_unknown(names: list[str], known: Iterable[str]) -> None:
    what = ", ".join(map(repr, names))
    number, verb = ("options", "are") if len(names) > 1 else ("option", "is")
    text = f"unknown run {number} {what} {verb} ignored; {_hint(names[0], known)}"
    warnings.warn(text, UserWarning, stacklevel=4)


def _hint(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"options: {', '.join(sorted(known))}"


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
