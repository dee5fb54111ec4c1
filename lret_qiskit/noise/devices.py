"""The noise of a device, from the properties that its backend tells.

The errors are those of Qiskit Aer's ``NoiseModel.from_backend``, which makes all of them: seconds
for a device of 127 qubits. Here each is made when a circuit first needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np
from qiskit.circuit import Gate, Measure
from qiskit.providers import BackendV2, Options, QubitProperties
from qiskit.transpiler import InstructionProperties, Target
from qiskit.utils import apply_prefix
from qiskit_aer.noise import NoiseModel as AerNoiseModel
from qiskit_aer.noise.device import basic_device_gate_errors

from lret_dist import ErrorTerm
from lret_dist.numerics.channels import as_readout_matrix
from lret_qiskit.noise.aer_model import noise_passes
from lret_qiskit.noise.imported import ImportedNoiseModel
from lret_qiskit.translators.quantum_errors import error_kraus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from qiskit.circuit import Operation
    from qiskit.transpiler import TransformationPass

__all__ = ["DeviceSettings", "read_device"]


@dataclass(frozen=True)
class DeviceSettings:
    """What of a device's noise is taken, as of Qiskit Aer's ``NoiseModel.from_backend``.

    Attributes:
        gate_error: whether gates have depolarizing errors.
        readout_error: whether measurements are misread.
        thermal_relaxation: whether qubits relax during instructions and delays.
        temperature: of the qubits, in millikelvin.
    """

    gate_error: bool = True
    readout_error: bool = True
    thermal_relaxation: bool = True
    temperature: float = 0


@dataclass(frozen=True)
class _Place:
    """One instruction on some qubits of a device."""

    operation: Operation
    duration: float | None
    error: float | None
    qubits: tuple[QubitProperties, ...]

    def is_noisy(self, settings: DeviceSettings) -> bool:
        """Whether there may be noise; the duration or the error rate of ideal gates is zero."""
        relaxes = settings.thermal_relaxation and bool(self.duration)
        is_gate = isinstance(self.operation, Gate)
        return relaxes or (settings.gate_error and is_gate and bool(self.error))

    def kraus(self, settings: DeviceSettings) -> NDArray[np.complex128]:
        """(K, 2**k, 2**k) Kraus operators of the noise."""
        width = len(self.qubits)
        target = Target(qubit_properties=list(self.qubits))
        properties = InstructionProperties(duration=self.duration, error=self.error)
        target.add_instruction(self.operation, {tuple(range(width)): properties})
        found = basic_device_gate_errors(
            target=target,
            gate_error=settings.gate_error,
            thermal_relaxation=settings.thermal_relaxation,
            temperature=settings.temperature,
        )
        if not found:
            return np.eye(1 << width, dtype=np.complex128)[np.newaxis]
        ((_, _, error),) = found
        return error_kraus(error.to_dict(), width)


def read_device(
    backend: BackendV2,
    settings: DeviceSettings,
    gate_lengths: Iterable[tuple[str, Sequence[int] | None, float]] | None,
    gate_length_units: str,
) -> ImportedNoiseModel:
    """The noise of a device.

    Args:
        backend: the device, or a fake of one.
        settings: what of its noise is taken.
        gate_lengths: name, qubits (None: all) and duration of instructions to take instead of
            those that the backend tells.
        gate_length_units: the unit of these durations, such as ``"ns"``.

    Raises:
        TypeError: for anything but a BackendV2.
        ValueError: for the duration of an instruction that the device does not have.
    """
    if not isinstance(backend, BackendV2):
        raise TypeError(f"expected a BackendV2 of Qiskit, got {type(backend).__name__}")
    target = backend.target
    qubits = list(target.qubit_properties or ())
    if settings.thermal_relaxation and not qubits:
        warn(
            f"backend {backend.name!r} tells no properties of its qubits, so that the noise model "
            f"has no thermal relaxation",
            UserWarning,
            stacklevel=3,
        )
        settings = replace(settings, thermal_relaxation=False)
    lengths = _checked_lengths(target, gate_lengths or (), gate_length_units)
    model = ImportedNoiseModel(basis_gates=tuple(sorted(set(backend.operation_names))))
    for name, wires, place in _places(target, qubits, lengths):
        if place.is_noisy(settings):
            positions = tuple(range(len(wires)))
            term = ErrorTerm(partial(_Place.kraus, place, settings), positions)
            model.errors[name, wires] = [term]
    if settings.readout_error:
        model.readout.update(_readout(target))
    if settings.thermal_relaxation:
        model.passes = _relaxation(qubits, backend.dt, settings.temperature)
    return model


def _places(
    target: Target,
    qubits: Sequence[QubitProperties],
    lengths: dict[tuple[str, tuple[int, ...]], float],
) -> Iterator[tuple[str, tuple[int, ...], _Place]]:
    """Name, qubits and properties of everything but measurements."""
    for name, wires, properties in _instructions(target):
        operation = target.operation_from_name(name)
        if not isinstance(operation, Measure):
            duration = lengths.get((name, wires), properties.duration)
            known = tuple(qubits[q] for q in wires) if qubits else (QubitProperties(),) * len(wires)
            yield name, wires, _Place(operation, duration, properties.error, known)


def _instructions(
    target: Target,
) -> Iterator[tuple[str, tuple[int, ...], InstructionProperties]]:
    for name in target.operation_names:
        for wires, properties in (target[name] or {}).items():
            if wires is not None and properties is not None:
                yield name, tuple(wires), properties


def _checked_lengths(
    target: Target, given: Iterable[tuple[str, Sequence[int] | None, float]], unit: str
) -> dict[tuple[str, tuple[int, ...]], float]:
    """Durations in seconds by instruction and qubits."""
    known = {(name, wires) for name, wires, _ in _instructions(target)}
    lengths = {}
    for name, qubits, value in given:
        places = [
            place
            for place in known
            if place[0] == name and (qubits is None or place[1] == tuple(qubits))
        ]
        if not places:
            where = "" if qubits is None else f" on qubits {tuple(qubits)}"
            raise ValueError(f"gate_lengths: the device has no instruction {name!r}{where}")
        lengths.update(dict.fromkeys(places, float(apply_prefix(value, unit))))
    return lengths


def _readout(target: Target) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Probabilities p[prepared, read] of every qubit whose measurement has an error."""
    for name, wires, properties in _instructions(target):
        if name == "measure" and len(wires) == 1:
            one_of_zero = getattr(properties, "prob_meas1_prep0", properties.error)
            zero_of_one = getattr(properties, "prob_meas0_prep1", properties.error)
            if one_of_zero or zero_of_one:
                p, q = one_of_zero or 0.0, zero_of_one or 0.0
                yield wires[0], as_readout_matrix([[1 - p, p], [q, 1 - q]])


def _relaxation(
    qubits: Sequence[QubitProperties], dt: float | None, temperature: float
) -> tuple[TransformationPass, ...]:
    """The relaxation during delays, which a device without instructions has too."""
    idle = _Idle(Target(qubit_properties=list(qubits), dt=dt))
    return noise_passes(AerNoiseModel.from_backend(idle, temperature=temperature))


class _Idle(BackendV2):  # type: ignore[misc]
    """Qubits that nothing is done with."""

    def __init__(self, target: Target) -> None:
        super().__init__(name="idle")
        self._target = target

    @property
    def target(self) -> Target:
        return self._target

    @property
    def max_circuits(self) -> int | None:
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, run_input: Any, **options: Any) -> Any:
        raise NotImplementedError
