import pytest
from qiskit.providers.exceptions import QiskitBackendNotFoundError

import lret_qiskit.backends.backend
import lret_qiskit.provider
from lret_qiskit import LRETBackend, LRETProvider

NAMES = {"lret_simulator": 1e-4, "lret_simulator_accurate": 1e-6, "lret_simulator_fast": 1e-3}


def test_default_backend() -> None:
    backend = LRETProvider().get_backend()
    assert isinstance(backend, LRETBackend)
    assert backend.name == "lret_simulator"


@pytest.mark.parametrize(("name", "epsilon"), NAMES.items())
def test_backends_by_name(name: str, epsilon: float) -> None:
    provider = LRETProvider()
    backend = provider.get_backend(name)
    assert backend.name == name
    assert backend.provider is provider
    assert backend.options.epsilon == epsilon


def test_backends_lists_and_filters() -> None:
    provider = LRETProvider()
    assert [backend.name for backend in provider.backends()] == list(NAMES)
    assert [b.name for b in provider.backends("lret_simulator_fast")] == ["lret_simulator_fast"]
    precise = provider.backends(filters=lambda backend: backend.options.epsilon < 1e-5)
    assert [backend.name for backend in precise] == ["lret_simulator_accurate"]
    assert len(provider.backends(num_qubits=28)) == 3
    assert provider.backends(num_qubits=5) == []


def test_unknown_backend_names_those_that_exist() -> None:
    with pytest.raises(QiskitBackendNotFoundError, match="no backend fits 'other'; there are: "):
        LRETProvider().get_backend("other")
    with pytest.raises(QiskitBackendNotFoundError, match="lret_simulator_fast"):
        LRETProvider().get_backend(num_qubits=5)


def test_backends_do_not_share_options() -> None:
    provider = LRETProvider()
    provider.get_backend().set_options(epsilon=0.5)
    assert provider.get_backend().options.epsilon == 1e-4


@pytest.mark.parametrize(
    ("module", "make"),
    [(lret_qiskit.provider, LRETProvider), (lret_qiskit.backends.backend, LRETBackend)],
)
def test_making_one_starts_the_session(monkeypatch, module, make) -> None:
    started = []
    monkeypatch.setattr(module, "get_session", lambda mpi_ranks: started.append(mpi_ranks))
    make(mpi_ranks=3)
    assert started == [3]


def test_repr_names_the_backends() -> None:
    assert "lret_simulator_accurate" in repr(LRETProvider())
