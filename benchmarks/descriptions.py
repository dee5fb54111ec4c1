"""The workloads and circuits of the benchmarks in a line each, for the pages that show figures."""

from __future__ import annotations

#: What each workload of ``workloads.py`` is.
WORKLOADS = {
    "W1": "12 layers of random gates on one and two qubits; after each layer a Pauli error of "
    "probability 1e-3 on every qubit",
    "W2": "the layers of W1, with amplitude damping of 1e-3 on every qubit",
    "W3": "W1 on more qubits",
    "W4": "30 layers of RY on every qubit and a chain of CX; depolarizing noise of 1e-3 after CX",
    "W5": "a GHZ state (`ghz`), a W state (`w`), Bernstein-Vazirani (`bv`) and QAOA (`qaoa`), with "
    "depolarizing and readout noise at the medians of IBM's Torino",
    "W6": "10 layers of RX, RZ and a brick wall of CX, with depolarizing noise after gates on one "
    "qubit and after CX: 1e-4 and 1e-3 (`low`), 3e-4 and 5e-3 (`middle`), 1e-3 and 1e-2 (`high`)",
    "W7": "QAOA, a VQE ansatz (`vqe`), a Fourier transform (`qft`), a Grover round and quantum "
    "volume (`qv`), compiled for a device of IBM, with the noise of its calibration",
    "W8": "circuits that measure on their way: rounds of the repetition code (`memory`) and a GHZ "
    "state by feed-forward (`ghz`), with noise of 1e-2 after CX and readout errors of 2 and 3 %",
}
#: What each circuit is that ``compare_aer.py`` takes.
CIRCUITS = {
    "brick": "10 layers of RX, RZ and a brick wall of CX",
    "bv": "Bernstein-Vazirani",
    "ghz": "a GHZ state",
    "grover": "a round of Grover's search",
    "qaoa": "QAOA for the largest cut of a random graph",
    "qft": "a Fourier transform",
    "qv": "quantum volume",
    "vqe": "a VQE ansatz",
    "w": "a W state",
}
#: What the number of qubits is of a circuit that is compiled for a device.
DEVICE_QUBITS = (
    "`qubits` are those of the circuit as it was written. Compiled for a device it may be led over "
    "more, which are then simulated too"
)


def workload_list() -> str:
    """All workloads as a list of Markdown."""
    return "\n".join(f"- **{name}**: {words}." for name, words in WORKLOADS.items())


def circuit_words(names: list[str]) -> str:
    """Some circuits as a part of a sentence."""
    return "; ".join(f"`{name}` is {CIRCUITS[name]}" for name in names)
