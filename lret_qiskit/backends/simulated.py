"""What LRET's backend takes over from another one that it simulates: its noise and options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_aer.backends.aerbackend import AerBackend

from lret_dist.options import METHODS
from lret_qiskit.backends.options import default_options, without_alias
from lret_qiskit.noise_model_importer import NoiseModelImporter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit.providers import BackendV2

    from lret_dist import NoiseModel

__all__ = ["options_from"]

#: Options of Qiskit Aer's simulators that mean the same here.
_SAME_IN_AER = ("method", "shots", "memory", "precision", "seed_simulator")


def options_from(backend: BackendV2, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a backend of LRET that simulates another.

    From a simulator these are its noise model and the options that mean the same here; from a
    device, the noise model that its calibration gives.

    Args:
        backend: the other backend.
        given: options that take the place of the other's.
    """
    given = without_alias(given)
    taken = _same_options(backend)
    if "noise_model" not in {**taken, **given}:
        taken["noise_model"] = _device_noise(backend)
    return {**taken, **given}


def _same_options(backend: BackendV2) -> dict[str, Any]:
    """Options that were set on the other backend and mean the same here.

    Its noise model is among them, None too where that says that a simulator has no noise.
    """
    options, own = dict(backend.options.items()), dict(default_options().items())
    noise_model = options.get("noise_model")
    if options.keys() >= own.keys():
        # A backend of LRET. Identity will do: what equals a default may be taken as well.
        taken = {name: options[name] for name in own if options[name] is not own[name]}
    elif isinstance(backend, AerBackend):
        taken = _set_in_aer(backend, options)
    else:
        return {} if noise_model is None else {"noise_model": noise_model}
    return {**taken, "noise_model": noise_model}


def _set_in_aer(backend: AerBackend, options: Mapping[str, Any]) -> dict[str, Any]:
    defaults = dict(type(backend)._default_options().items())
    changed = {name: options[name] for name in _SAME_IN_AER if options[name] != defaults[name]}
    if changed.get("method", METHODS[0]) not in METHODS:
        del changed["method"]
    return {name: value for name, value in changed.items() if value is not None}


def _device_noise(backend: BackendV2) -> NoiseModel | None:
    model = NoiseModelImporter.from_backend(backend)
    return model if model.errors or model.readout or model.passes else None
