from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qasm2
from qiskit_aer.noise import NoiseModel, depolarizing_error
from small_disk import mounted, unmount

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


@pytest.fixture
def ghz() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx([0, 1], [1, 2])
    circuit.measure(range(3), range(3))
    return circuit


@pytest.fixture
def ghz_file(tmp_path: Path, ghz: QuantumCircuit) -> Path:
    path = tmp_path / "ghz.qasm"
    path.write_text(qasm2.dumps(ghz))
    return path


@pytest.fixture
def ghz_noise() -> NoiseModel:
    """What RATES of the helpers stands for on that circuit."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(1e-2, 1), ["h"])
    model.add_all_qubit_quantum_error(depolarizing_error(5e-2, 2), ["cx"])
    return model


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system over a new folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounts: list[Path] = []

    def mount(options: str) -> Path:
        if not mounted(folder, options):
            pytest.skip("mounting is not permitted")
        mounts.append(folder)
        return folder

    yield mount
    for each in mounts:
        unmount(each)
