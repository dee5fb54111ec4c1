import pytest
from qiskit import QuantumCircuit

from lret_qiskit import LRETBackend


@pytest.fixture(scope="session")
def backend() -> LRETBackend:
    """A backend that discards nothing but rounding."""
    return LRETBackend(epsilon=0)


@pytest.fixture
def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit
