"""The option ``--noise``: a file, simple rates, or a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_aer.noise import NoiseModel as AerNoiseModel
from qiskit_aer.noise import depolarizing_error

from lret_dist.circuits.circuit import Gate
from lret_dist.circuits.noise import NOISELESS, PART
from lret_qiskit.cli.fake_devices import fake_device, may_be_a_device
from lret_qiskit.noise_model_importer import NoiseModelImporter
from lret_qiskit.translators import translate_circuit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.providers import BackendV2

    from lret_dist import NoiseModel

__all__ = ["NOISE_HELP", "noise_from"]

NOISE_HELP = (
    "A noise model: a JSON file, of Qiskit Aer's or LRET's; depolarizing:P1,P2, the parameters of "
    "Aer's depolarizing_error after gates on one and on two qubits (n qubits become maximally "
    "mixed with probability P, so an error happens with P (1 - 4^-n)), where a gate that the file "
    "defines is the gates that it is made of; or a fake device of qiskit-ibm-runtime, such as "
    "fake_torino or torino: the circuit is compiled for it, unless it is in its gates already, "
    "and has the noise of its calibration, also during delays."
)
_RATES = "depolarizing:"


def noise_from(text: str, circuit: QuantumCircuit) -> NoiseModel | AerNoiseModel | BackendV2:
    """The noise model that a user has named for a circuit, or the device.

    Raises:
        ValueError: saying what is wrong with it.
        OSError: for a file that cannot be read.
    """
    if text.startswith(_RATES):
        return _depolarizing(text, circuit)
    if Path(text).suffix == ".json" or Path(text).is_file():
        return NoiseModelImporter.from_json(text)
    if may_be_a_device(text):
        return fake_device(text)
    raise ValueError(
        f"expected a JSON file, {_RATES}P1,P2 or a fake device such as fake_torino, got {text!r}"
    )


def _depolarizing(text: str, circuit: QuantumCircuit) -> AerNoiseModel:
    """Depolarizing errors after every gate that the circuit is simulated as."""
    rates = _rates(text)
    gates = _gates(circuit)
    wide = sorted(f"{name} on {width}" for name, width in gates if width > 2 or name == PART)
    if wide:
        raise ValueError(
            f"there are rates for gates on one and on two qubits, but the circuit "
            f"has {', '.join(wide)}; write it in gates of at most two qubits"
        )
    model = AerNoiseModel()
    for width, rate in enumerate(rates, 1):
        names = sorted(name for name, each in gates if each == width)
        if rate and names:
            model.add_all_qubit_quantum_error(depolarizing_error(rate, width), names)
    return model


def _rates(text: str) -> tuple[float, float]:
    try:
        one, two = (float(part) for part in text.removeprefix(_RATES).split(","))
        if 0 <= one <= 1 and 0 <= two <= 1:
            return one, two
    except ValueError:
        pass
    raise ValueError(f"expected two probabilities, as in {_RATES}1e-3,1e-2, got {text!r}")


def _gates(circuit: QuantumCircuit) -> set[tuple[str, int]]:
    """What noise is matched on, and the qubits, of the gates that the circuit is simulated as."""
    return {
        (gate.label or gate.name, len(gate.qubits))
        for gate in translate_circuit(circuit)
        if isinstance(gate, Gate) and (gate.name == PART or gate.name not in NOISELESS)
    }
