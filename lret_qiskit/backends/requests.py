"""From a circuit of Qiskit to a request to simulate it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lret_dist import NoiseModel, SimulationRequest
from lret_qiskit.backends.run_input import check_size
from lret_qiskit.noise_model_importer import with_noise_passes
from lret_qiskit.translators import Experiment, translate_circuit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from lret_qiskit.backends.options import RunOptions
    from lret_qiskit.noise_model_importer import ImportCache

__all__ = ["noise_of", "request_of", "translated"]


def noise_of(options: RunOptions, imports: ImportCache) -> NoiseModel | None:
    """The noise model of a run; one of Qiskit Aer is imported."""
    model = options.noise_model
    if model is None or isinstance(model, NoiseModel):
        return model
    return imports.imported(model)


def request_of(
    circuit: QuantumCircuit, noise: NoiseModel | None, options: RunOptions, number: int
) -> SimulationRequest:
    """The request of a job's circuit ``number``.

    Raises:
        ValueError: for a circuit that cannot be simulated.
    """
    return SimulationRequest(
        circuit=translate_circuit(with_noise_passes(circuit, noise)),
        noise=noise,
        options=options.for_circuit(number),
    )


def translated(
    circuit: QuantumCircuit,
    noise: NoiseModel | None,
    options: RunOptions,
    number: int,
    num_qubits: int,
) -> tuple[SimulationRequest | Exception, Experiment]:
    """As :func:`request_of`, and what else the circuit's result needs.

    A circuit on more than ``num_qubits`` qubits gives the error in place of the request.

    Raises:
        ValueError: for a circuit that cannot be simulated.
    """
    start = time.perf_counter()
    request: SimulationRequest | Exception
    try:
        check_size(circuit, num_qubits)
    except ValueError as error:
        request = error
    else:
        request = request_of(circuit, noise, options, number)
    return request, Experiment.of(
        circuit,
        options.simulation.shots,
        saves=() if isinstance(request, Exception) else request.circuit.saves,
        memory=options.memory,
        rank_history=options.rank_history,
        seconds=time.perf_counter() - start,
    )
