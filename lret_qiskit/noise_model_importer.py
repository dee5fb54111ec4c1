"""Noise models of Qiskit Aer, and of devices, as LRET's."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from qiskit_aer.noise import NoiseModel as AerNoiseModel

from lret_dist.files.plain_data import naming, read_json
from lret_qiskit.noise.aer_model import ModelState, model_state, noise_passes
from lret_qiskit.noise.devices import DeviceSettings, read_device
from lret_qiskit.noise.error_dictionary import read_error_dictionary
from lret_qiskit.noise.imported import ImportedNoiseModel
from lret_qiskit.noise.passes import with_noise_passes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from os import PathLike

    from qiskit.providers import BackendV2

__all__ = ["ImportCache", "ImportedNoiseModel", "NoiseModelImporter", "with_noise_passes"]


class NoiseModelImporter:
    """Imports noise models of Qiskit Aer, of devices and from JSON.

    What it returns is a ``noise_model`` for :class:`~lret_qiskit.LRETBackend`.
    """

    @staticmethod
    def import_noise_model(noise_model: AerNoiseModel) -> ImportedNoiseModel:
        """Import a noise model with all its errors, readout errors and noise passes.

        An error is turned into Kraus operators when a circuit first needs it, so that the model of
        a large device costs only what is used.

        Args:
            noise_model: a ``qiskit_aer.noise.NoiseModel``.

        Raises:
            TypeError: for anything else.
            UnsupportedOperationError: for an unknown kind of error.
        """
        if not isinstance(noise_model, AerNoiseModel):
            raise TypeError(
                f"expected a NoiseModel of Qiskit Aer, got {type(noise_model).__name__}"
            )
        return _imported(noise_model)

    @staticmethod
    def from_backend(
        backend: BackendV2,
        *,
        gate_error: bool = True,
        readout_error: bool = True,
        thermal_relaxation: bool = True,
        temperature: float = 0,
        gate_lengths: Iterable[tuple[str, Sequence[int] | None, float]] | None = None,
        gate_length_units: str = "ns",
    ) -> ImportedNoiseModel:
        """The noise of a device, with the errors of Aer's ``NoiseModel.from_backend``.

        Each error is made when a circuit first needs it, so that a device of 127 qubits takes
        milliseconds here, and seconds there.

        Args:
            backend: the device, or a fake of one.
            gate_error: whether gates have depolarizing errors.
            readout_error: whether measurements are misread.
            thermal_relaxation: whether qubits relax during instructions and delays.
            temperature: of the qubits, in millikelvin.
            gate_lengths: (name, qubits or None for all, duration) of instructions, to take instead
                of what the backend tells.
            gate_length_units: the unit of these durations: ``"s"``, ``"ms"``, ``"us"``, ``"ns"``.

        Raises:
            TypeError: for anything but a BackendV2.
            ValueError: for the duration of an instruction that the device does not have.
        """
        settings = DeviceSettings(gate_error, readout_error, thermal_relaxation, temperature)
        return read_device(backend, settings, gate_lengths, gate_length_units)

    @staticmethod
    def from_dict(document: dict[str, Any]) -> ImportedNoiseModel:
        """Read a model's document: LRET's, or what ``to_dict`` of Aer's NoiseModel gives.

        The latter, with ``serializable`` True or False, does not hold noise passes, such as the
        relaxation during delays, nor basis gates: import the model itself where it is at hand.

        Raises:
            TypeError: for anything but a dictionary.
            ValueError: saying where the document is wrong.
        """
        if not isinstance(document, dict):
            raise TypeError(f"expected a dictionary, got {type(document).__name__}")
        if "errors" in document and "format" not in document:
            return read_error_dictionary(document)
        return ImportedNoiseModel.from_dict(document)

    @staticmethod
    def from_json(source: str | PathLike[str] | IO[str] | IO[bytes]) -> ImportedNoiseModel:
        """Read such a document from a JSON file, given by its path or open.

        Raises:
            TypeError: for anything but a path or an open file.
            ValueError: saying where the document is wrong.
            OSError: for a file that cannot be read.
        """
        with naming(source):
            document = read_json(source)
            if not isinstance(document, dict):
                raise ValueError("the document: expected an object")
            return NoiseModelImporter.from_dict(document)


class ImportCache:
    """Imports each noise model once, and again when it has changed.

    It forgets a model that is gone. A noise pass may hold its own model, which then stays for as
    long as it is among the last sixteen.
    """

    _MOST = 16

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}

    def imported(self, noise_model: AerNoiseModel) -> ImportedNoiseModel:
        """The imported model, which must not be changed; warnings are for a backend's caller."""
        key, state = id(noise_model), model_state(noise_model)
        entry = self._entries.pop(key, None)
        if entry is None or entry.state != state:
            entry = _Entry(state, _imported(noise_model), self._forgetting(noise_model))
        self._entries[key] = entry
        while len(self._entries) > self._MOST:
            self._entries.pop(next(iter(list(self._entries))), None)
        return entry.model

    def _forgetting(self, noise_model: AerNoiseModel) -> weakref.ref[AerNoiseModel]:
        """A reference that takes away the entry of a model that is gone."""
        key, entries = id(noise_model), self._entries
        return weakref.ref(noise_model, lambda _: entries.pop(key, None))


@dataclass(frozen=True)
class _Entry:
    state: ModelState
    model: ImportedNoiseModel
    reference: weakref.ref[AerNoiseModel]


def _imported(noise_model: AerNoiseModel) -> ImportedNoiseModel:
    model = read_error_dictionary(noise_model.to_dict(), trusted=True)
    model.passes = noise_passes(noise_model)
    model.basis_gates = tuple(noise_model.basis_gates)
    return model
