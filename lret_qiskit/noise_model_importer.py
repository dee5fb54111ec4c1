"""Noise models of Qiskit Aer as LRET's."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from warnings import warn

from qiskit.transpiler import PassManager, TransformationPass
from qiskit_aer.noise import NoiseModel as AerNoiseModel
from qiskit_aer.noise import PauliLindbladError, QuantumError

from lret_dist import ErrorTerm, NoiseModel, UnsupportedOperationError
from lret_qiskit.translators.quantum_errors import error_kraus, pauli_kraus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction

__all__ = ["ImportCache", "ImportedNoiseModel", "NoiseModelImporter", "with_noise_passes"]


@dataclass
class ImportedNoiseModel(NoiseModel):
    """A noise model of Qiskit Aer.

    Attributes:
        passes: the model's noise passes, such as the relaxation of qubits during delays. They
            act on Qiskit's circuits, before translation.
        basis_gates: gates that the model is made for; None stands for all.
    """

    passes: tuple[TransformationPass, ...] = ()
    basis_gates: tuple[str, ...] | None = None


class NoiseModelImporter:
    """Imports noise models of Qiskit Aer."""

    @staticmethod
    def import_noise_model(noise_model: AerNoiseModel) -> ImportedNoiseModel:
        """Import a noise model with all its errors: default and local ones, gates and readout.

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
        contents = vars(noise_model).values()
        passes = [value for value in _leaves(contents) if isinstance(value, TransformationPass)]
        imported = ImportedNoiseModel(
            passes=tuple(passes), basis_gates=tuple(noise_model.basis_gates)
        )
        for name, qubits, error in _quantum_errors(noise_model):
            terms = _terms(name, error)
            imported.errors.setdefault((name, qubits), []).extend(terms)
        for readout in _readout_errors(noise_model):
            _add_readout_error(imported, readout)
        return imported


class ImportCache:
    """Imports each noise model once, and again when it has changed."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[_Fingerprint, ImportedNoiseModel]] = {}

    def imported(self, noise_model: AerNoiseModel) -> ImportedNoiseModel:
        """The imported model, which must not be changed."""
        key, fingerprint = id(noise_model), _Fingerprint(noise_model)
        entry = self._entries.get(key)
        if entry is None or entry[0] != fingerprint:
            entry = (fingerprint, NoiseModelImporter.import_noise_model(noise_model))
            self._entries[key] = entry
            weakref.finalize(noise_model, self._entries.pop, key, None)
        return entry[1]


class _Fingerprint:
    """What a model holds, compared without looking into its errors.

    Errors do not change: a model that is changed holds other error objects. Keeping them alive
    here keeps their identities from being given to others.
    """

    def __init__(self, noise_model: AerNoiseModel) -> None:
        self._leaves = list(_leaves(vars(noise_model)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Fingerprint) or len(self._leaves) != len(other._leaves):
            return False
        return all(map(_same, self._leaves, other._leaves))

    __hash__ = None  # type: ignore[assignment]


def with_noise_passes(circuit: QuantumCircuit, noise: NoiseModel | None) -> QuantumCircuit:
    """The circuit after the noise passes of an imported model, which act on delays alone.

    Operations that are made of others, delays among them, are taken apart first.

    Raises:
        ValueError: for a delay on a qubit that the model knows nothing of.
    """
    passes = getattr(noise, "passes", ())
    if not passes:
        return circuit
    while holders := [each.name for each in circuit.data if _holds_delay(each)]:
        circuit = circuit.decompose(holders)
    if "delay" not in circuit.count_ops():
        return circuit
    try:
        return PassManager(list(passes)).run(circuit)
    except IndexError:
        raise ValueError(
            f"circuit {circuit.name!r} has a delay on a qubit that the device of the noise model "
            f"does not have; leave out the delay, or transpile for the device"
        ) from None


def _holds_delay(instruction: CircuitInstruction) -> bool:
    """Whether a delay is hidden in the definition of an instruction."""
    if instruction.is_standard_gate() or instruction.is_directive():
        return False
    definition = getattr(instruction.operation, "definition", None)
    if definition is None:
        return False
    return any(part.name == "delay" or _holds_delay(part) for part in definition.data)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield key
            yield from _leaves(held)
    elif isinstance(value, set | frozenset):
        yield frozenset(value)
    elif isinstance(value, str) or not hasattr(value, "__iter__"):
        yield value
    else:
        for held in value:
            yield from _leaves(held)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str | int | float | tuple | frozenset):
        return bool(one == other)
    return one is other


def _quantum_errors(
    noise_model: AerNoiseModel,
) -> Iterator[tuple[str, tuple[int, ...] | None, Any]]:
    """Instruction, qubits (None: all) and error of everything but readout.

    The model's own dictionary would describe every error of a device, which takes seconds.
    """
    for name, error in noise_model._default_quantum_errors.items():
        yield name, None, error
    for name, by_qubits in noise_model._local_quantum_errors.items():
        for qubits, error in by_qubits.items():
            yield name, tuple(qubits), error


def _readout_errors(noise_model: AerNoiseModel) -> Iterator[dict[str, Any]]:
    """The dictionaries of the readout errors, those for all qubits first."""
    if noise_model._default_readout_error is not None:
        yield noise_model._default_readout_error.to_dict()
    for qubits, error in noise_model._local_readout_errors.items():
        yield error.to_dict() | {"gate_qubits": [qubits]}


def _terms(name: str, error: Any) -> list[ErrorTerm]:
    """The channels of an error, whose Kraus operators are made when they are first needed."""
    if isinstance(error, QuantumError):
        return [ErrorTerm(partial(_kraus, name, error), tuple(range(error.num_qubits)))]
    if isinstance(error, PauliLindbladError):
        return _pauli_lindblad_terms(error.to_dict())
    raise UnsupportedOperationError(f"noise of type {type(error).__name__} is not supported")


def _kraus(name: str, error: QuantumError) -> NDArray[np.complex128]:
    return error_kraus(error.to_dict() | {"operations": [name]}, error.num_qubits)


def _pauli_lindblad_terms(error: Mapping[str, Any]) -> list[ErrorTerm]:
    """One term for each generator: they commute, so the error is their product."""
    terms = []
    for (generator,), rate in zip(error["instructions"], error["rates"], strict=True):
        string, qubits = generator["params"][0], generator["qubits"]
        # The last letter acts on the first qubit.
        acting = [(p, q) for p, q in zip(reversed(string), qubits, strict=True) if p != "I"]
        if acting:
            letters = "".join(letter for letter, _ in reversed(acting))
            positions = tuple(qubit for _, qubit in acting)
            terms.append(ErrorTerm(partial(pauli_kraus, letters, float(rate)), positions))
    return terms


def _add_readout_error(model: NoiseModel, error: Mapping[str, Any]) -> None:
    for qubits in error.get("gate_qubits", [(None,)]):
        if len(qubits) == 1:
            model.add_readout_error(error["probabilities"], qubits[0])
        else:
            warn(
                f"the readout error on qubits {tuple(qubits)} acts nowhere, as in Qiskit Aer: "
                f"a measurement reads one qubit",
                UserWarning,
                stacklevel=4,
            )
