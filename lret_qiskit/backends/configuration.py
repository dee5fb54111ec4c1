"""A backend as older tools describe one: its configuration and its properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.circuit import Gate
from qiskit_aer.backends.backendconfiguration import AerBackendConfiguration

if TYPE_CHECKING:
    from lret_qiskit.backends.backend import LRETBackend

__all__ = ["configuration_of"]

_NANOSECONDS = 1e9


def configuration_of(backend: LRETBackend) -> AerBackendConfiguration:
    """What ``AerSimulator.configuration()`` says, of a backend of LRET."""
    target = backend.target
    names = sorted(target.operation_names)
    gates = [name for name in names if _is_gate(target.operation_from_name(name))]
    custom = [name for name in names if name not in gates]
    coupling_map = backend.coupling_map
    return AerBackendConfiguration(
        backend_name=backend.name,
        backend_version=backend.backend_version,
        n_qubits=backend.num_qubits,
        basis_gates=gates + custom,
        gates=[],
        max_shots=2**63 - 1,
        coupling_map=None if coupling_map is None else list(coupling_map.get_edges()),
        description=backend.description,
        dt=None if backend.dt is None else backend.dt * _NANOSECONDS,
        custom_instructions=custom,
    )


def _is_gate(operation: Any) -> bool:
    return (
        issubclass(operation, Gate) if isinstance(operation, type) else isinstance(operation, Gate)
    )
