"""The backend: checks circuits and options, translates, and submits a job."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from importlib.metadata import version
from operator import index
from typing import TYPE_CHECKING, Any

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2, Options

from lret_dist import NoiseModel, Session, SimulationRequest, get_session
from lret_dist.forecast import plan_request
from lret_qiskit.backends.options import RunOptions, as_defaults, default_options, merged_options
from lret_qiskit.backends.target import build_target
from lret_qiskit.job import LRETJob
from lret_qiskit.noise_matching import check_noise_acts
from lret_qiskit.noise_model_importer import ImportCache, with_noise_passes
from lret_qiskit.translators import Experiment, translate_circuit

if TYPE_CHECKING:
    from qiskit.transpiler import Target

    from lret_dist import Forecast, Network

__all__ = ["LRETBackend"]

_MAX_CIRCUITS = 300


class LRETBackend(BackendV2):  # type: ignore[misc]
    """Simulator of noisy circuits that keeps a low-rank factor of the density matrix.

    Making a backend starts the session: under MPI, the other MPI ranks begin to serve here, and
    with ``mpi_ranks`` they are started.

    Example:
        >>> backend = LRETBackend(epsilon=1e-6, seed_simulator=7)
        >>> backend.options.epsilon
        1e-06
    """

    def __init__(
        self,
        provider: Any = None,
        name: str = "lret_simulator",
        *,
        num_qubits: int = 28,
        mpi_ranks: int | None = None,
        **options: Any,
    ) -> None:
        """Make a backend.

        Args:
            provider: the provider that made it, or None.
            name: its name.
            num_qubits: most qubits of a circuit; idle ones do not count.
            mpi_ranks: MPI ranks to start, as of :class:`~lret_qiskit.provider.LRETProvider`.
            options: defaults of :meth:`run`'s options, ``noise_model`` among them.

        Raises:
            AttributeError: for an unknown option.
            TypeError: for an option of the wrong type.
            ValueError: for an option out of range, or fewer than one qubit.
            LauncherError: when the MPI ranks cannot be started, with what they wrote.
        """
        num_qubits = _checked_arguments(provider, name, num_qubits)
        self._mpi_ranks = mpi_ranks
        self._session: Session | None = get_session(mpi_ranks)
        super().__init__(
            provider=provider,
            name=name,
            description="Low-rank simulation of noisy circuits with a certified error",
            backend_version=version("lret-dist"),
            **as_defaults(options),
        )
        merged_options(self.options, {})
        self._num_qubits = num_qubits
        self._targets: dict[tuple[str, ...] | None, Target] = {}
        self._imports = ImportCache()

    def __repr__(self) -> str:
        return (
            f"LRETBackend({self.name!r}, num_qubits={self._num_qubits}, "
            f"epsilon={self.options.epsilon})"
        )

    def __getstate__(self) -> dict[str, Any]:
        # A copy finds the session of the process that it comes to.
        return self.__dict__ | {"_session": None}

    @property
    def session(self) -> Session:
        """The session that runs this backend's jobs; each process has one of its own."""
        if self._session is None or not self._session.is_here:
            self._session = get_session(self._mpi_ranks)
        return self._session

    @classmethod
    def _default_options(cls) -> Options:
        return default_options()

    @property
    def target(self) -> Target:
        """Gates taken as they are: all, or those of a Qiskit Aer noise model's basis."""
        basis = getattr(self.options.noise_model, "basis_gates", None)
        key = None if basis is None else tuple(basis)
        if key not in self._targets:
            self._targets[key] = build_target(self._num_qubits, key)
        return self._targets[key]

    @property
    def max_circuits(self) -> int:
        """Most circuits of one job."""
        return _MAX_CIRCUITS

    def set_options(self, **fields: Any) -> None:
        """Set defaults of :meth:`run`'s options; a wrong value leaves them as they were.

        Raises:
            AttributeError: for an unknown option.
            TypeError: for a value of the wrong type.
            ValueError: for a value out of range.
        """
        options = as_defaults(fields)
        merged_options(self.options, {k: v for k, v in options.items() if k in self.options})
        super().set_options(**options)

    def run(self, run_input: QuantumCircuit | Iterable[QuantumCircuit], **options: Any) -> LRETJob:
        """Start a job; it goes on in the background.

        Args:
            run_input: one circuit or several. They need not be transpiled.
            options: ``shots``, ``seed_simulator`` (or ``seed``), ``memory``, ``rank_history``,
                ``method``, ``truncation``, ``epsilon``, ``standard_error``, ``resolution``,
                ``max_rank``, ``precision``, ``initial_rank``, ``initial_state``,
                ``parallelization``, ``process_grid``, ``checkpoint``, ``checkpoint_interval`` and
                ``noise_model`` (of Qiskit Aer or of lret_dist); what is not given is the backend's.
                None is the backend's too, but for ``noise_model``, ``max_rank``,
                ``initial_state``, ``standard_error``, ``resolution``, ``process_grid`` and
                ``checkpoint``: there it means none. Unknown options are ignored with a warning.

        Raises:
            TypeError: for something that is not a circuit, or an option of the wrong type.
            ValueError: for a circuit that cannot be simulated (its subclass
                ``UnsupportedOperationError`` names an unknown operation), unbound or infinite
                parameters, too many circuits or qubits, or an option out of range.
            InsufficientMemoryError: if a circuit cannot fit.
            SessionError: if the backend's MPI ranks have ended, with what they wrote last.
        """
        checked = merged_options(self.options, options)
        circuits = self._checked_circuits(run_input)
        noise = self._noise(checked)
        pairs = [_translated(each, noise, checked, i) for i, each in enumerate(circuits)]
        requests = [request for request, _ in pairs]
        if noise is not None:
            written = {name for circuit in circuits for name in _names(circuit)}
            check_noise_acts(noise, [request.circuit for request in requests], written)
        job = LRETJob(self, str(uuid.uuid4()), requests, [experiment for _, experiment in pairs])
        job.submit()
        return job

    def plan(
        self,
        circuit: QuantumCircuit,
        *,
        mpi_ranks: int,
        memory_per_rank: float | str | None = None,
        threads_per_rank: int = 1,
        network: Network | None = None,
        **options: Any,
    ) -> Forecast:
        """What :meth:`run` would take on so many MPI ranks, which need not be there.

        Args:
            circuit: the circuit; it need not be transpiled.
            mpi_ranks: MPI ranks to plan for.
            memory_per_rank: as of :func:`lret_dist.plan`, like ``threads_per_rank`` and
                ``network``.
            threads_per_rank: threads of each MPI rank.
            network: how fast they talk.
            options: as of :meth:`run`.

        Raises:
            TypeError: or ValueError, as of :meth:`run`.
            InsufficientMemoryError: when it cannot fit, saying how many MPI ranks would hold it.
        """
        checked = merged_options(self.options, options)
        self._check_circuit(circuit)
        request, _ = _translated(circuit, self._noise(checked), checked, 0)
        return plan_request(
            request,
            mpi_ranks=mpi_ranks,
            memory_per_rank=memory_per_rank,
            threads_per_rank=threads_per_rank,
            network=network,
        )

    def _noise(self, options: RunOptions) -> NoiseModel | None:
        model = options.noise_model
        if model is None or isinstance(model, NoiseModel):
            return model
        return self._imports.imported(model)

    def _checked_circuits(self, run_input: Any) -> list[QuantumCircuit]:
        circuits = [run_input] if isinstance(run_input, QuantumCircuit) else _listed(run_input)
        if not circuits:
            raise ValueError("there is no circuit to run")
        if len(circuits) > _MAX_CIRCUITS:
            raise ValueError(f"a job takes at most {_MAX_CIRCUITS} circuits, got {len(circuits)}")
        for circuit in circuits:
            self._check_circuit(circuit)
        return circuits

    def _check_circuit(self, circuit: Any) -> None:
        if not isinstance(circuit, QuantumCircuit):
            raise TypeError(f"expected a QuantumCircuit, got {type(circuit).__name__}")
        if circuit.num_qubits > self._num_qubits:
            used = _used_qubits(circuit)
            if used > self._num_qubits:
                raise ValueError(
                    f"circuit {circuit.name!r} uses {used} qubits, the backend has "
                    f"{self._num_qubits}; LRETBackend(num_qubits={used}) takes it"
                )


def _checked_arguments(provider: Any, name: Any, num_qubits: Any) -> int:
    if isinstance(provider, str) or not isinstance(name, str):
        raise TypeError(
            f"a backend's name is a string given as name=..., got {name!r} and provider "
            f"{provider!r}; LRETProvider().get_backend(name) gives LRET's own backends by name"
        )
    try:
        number = index(num_qubits)
    except TypeError:
        raise TypeError(f"num_qubits must be an integer, got {num_qubits!r}") from None
    if number < 1:
        raise ValueError(f"num_qubits must be at least 1, got {number}")
    return number


def _names(circuit: QuantumCircuit) -> set[str]:
    return {each.label or each.name for each in circuit.data}


def _used_qubits(circuit: QuantumCircuit) -> int:
    """Number of qubits that an instruction other than a barrier acts on."""
    return len({q for each in circuit.data if each.name != "barrier" for q in each.qubits})


def _listed(run_input: Any) -> list[Any]:
    if isinstance(run_input, str) or not isinstance(run_input, Iterable):
        raise TypeError(f"expected a QuantumCircuit or several, got {type(run_input).__name__}")
    return list(run_input)


def _translated(
    circuit: QuantumCircuit, noise: NoiseModel | None, options: RunOptions, number: int
) -> tuple[SimulationRequest, Experiment]:
    start = time.perf_counter()
    request = SimulationRequest(
        circuit=translate_circuit(with_noise_passes(circuit, noise)),
        noise=noise,
        options=options.for_circuit(number),
    )
    seconds = time.perf_counter() - start
    shots = options.simulation.shots
    return request, Experiment.of(
        circuit,
        shots,
        memory=options.memory,
        rank_history=options.rank_history,
        seconds=seconds,
    )
