"""Devices that ``--noise`` names: the stand-ins of qiskit-ibm-runtime, and circuits for them."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from qiskit import QuantumCircuit, transpile
from qiskit.converters import circuit_to_dag
from qiskit.exceptions import QiskitError
from qiskit.providers import BackendV2
from qiskit.transpiler.passes import GatesInBasis

if TYPE_CHECKING:
    from lret_qiskit.backends import LRETBackend

__all__ = ["Compilation", "compiled", "fake_device", "may_be_a_device"]

#: The transpiler tries places at random: the same file is always compiled to the same circuit.
_SEED = 0
#: Instructions that are no gates.
_NO_GATES = frozenset({"barrier", "delay", "measure", "reset", "save_expval"})
#: Qubits of the device that are shown one by one.
_MOST_SHOWN = 16


@dataclass(frozen=True, kw_only=True)
class Compilation:
    """What was done to run a circuit as a device would.

    Attributes:
        device: the device's name.
        compiled: whether the circuit was compiled; else it was in the device's gates already.
        gates: how often it has which gate.
        qubits: the device's qubits that it uses.
    """

    device: str
    compiled: bool
    gates: dict[str, int]
    qubits: list[int]

    def __str__(self) -> str:
        done = "compiled for" if self.compiled else "taken as it is, in the gates of"
        each = ", ".join(f"{number} {name}" for name, number in self.gates.items())
        gates = f"{sum(self.gates.values())} gates" + (f" ({each})" if each else "")
        some = f"{len(self.qubits)} qubits"
        if len(self.qubits) <= _MOST_SHOWN:
            some = f"qubits {', '.join(map(str, self.qubits))}"
        return f"{done} {self.device}: {gates} on {some}; noise from its calibration"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def may_be_a_device(text: str) -> bool:
    """Whether a text could be the name of a device, and not that of a file."""
    return re.fullmatch(r"\w+", text) is not None


def fake_device(name: str) -> BackendV2:
    """The stand-in for a device of IBM: ``FakeTorino``, ``fake_torino`` or ``torino``.

    Raises:
        ValueError: when there is none, or qiskit-ibm-runtime is not installed.
    """
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError:
        raise ValueError(
            f"{name!r} is no file; fake devices such as fake_torino are those of "
            "qiskit-ibm-runtime: install it with: pip install qiskit-ibm-runtime"
        ) from None
    known = {
        _simple(each): kind
        for each, kind in inspect.getmembers(fake_provider, inspect.isclass)
        if each.startswith("Fake") and issubclass(kind, BackendV2)
    }
    if (kind := known.get(_simple(name))) is None:
        close = get_close_matches(_simple(name), known, n=1)
        hint = f"did you mean fake_{close[0]}?" if close else f"there are {', '.join(known)}"
        raise ValueError(f"{name!r} is no file, and no fake device: {hint}")
    return kind()


def compiled(
    circuit: QuantumCircuit, device: BackendV2, backend: LRETBackend
) -> tuple[QuantumCircuit, Compilation]:
    """A circuit in the gates of a device and between its qubits, and what was done.

    A circuit that is so already is left as it is: its qubits are the device's.

    Args:
        circuit: the circuit.
        device: the device.
        backend: its simulator, which also takes what a circuit saves.

    Raises:
        ValueError: when it has more qubits than the device, or cannot be compiled for it.
    """
    if circuit.num_qubits > device.num_qubits:
        raise ValueError(
            f"{device.name} has {device.num_qubits} qubits, and the circuit {circuit.num_qubits}"
        )
    fits = _is_compiled(circuit, backend)
    if not fits:
        try:
            circuit = transpile(circuit, backend, seed_transpiler=_SEED)
        except QiskitError as error:
            raise ValueError(f"{device.name} cannot run the circuit: {error.message}") from error
    done = Compilation(
        device=device.name,
        compiled=not fits,
        gates={name: number for name, number in _names(circuit).items() if name not in _NO_GATES},
        qubits=sorted({circuit.find_bit(each).index for each in _used(circuit)}),
    )
    return circuit, done


def _is_compiled(circuit: QuantumCircuit, backend: LRETBackend) -> bool:
    check = GatesInBasis(target=backend.target)
    check.run(circuit_to_dag(circuit))
    return bool(check.property_set["all_gates_in_basis"])


def _names(circuit: QuantumCircuit) -> dict[str, int]:
    """How often a circuit has which instruction, the most frequent first."""
    return dict(Counter(each.name for each in circuit.data).most_common())


def _used(circuit: QuantumCircuit) -> set[Any]:
    return {qubit for each in circuit.data if each.name != "barrier" for qubit in each.qubits}


def _simple(name: str) -> str:
    """What the names of one device have in common."""
    return name.lower().replace("_", "").removeprefix("fake").removesuffix("v2")
