"""The backend: checks circuits and options, translates, and submits a job."""

from __future__ import annotations

import uuid
from copy import copy
from typing import TYPE_CHECKING, Any

from qiskit.providers import BackendV2, Options
from qiskit.transpiler import CouplingMap
from qiskit_aer.backends.backendproperties import target_to_backend_properties

import lret_dist
from lret_dist import Session, SimulationRequest, get_session
from lret_dist.options import METHODS
from lret_dist.planning.forecast import plan_request
from lret_qiskit.backends.arguments import checked_arguments, positive
from lret_qiskit.backends.configuration import configuration_of
from lret_qiskit.backends.options import as_defaults, default_options, merged_options
from lret_qiskit.backends.parameter_binds import bound_circuits
from lret_qiskit.backends.requests import noise_of, request_of, translated
from lret_qiskit.backends.run_input import as_circuits, check_size, written_names
from lret_qiskit.backends.simulated import options_from
from lret_qiskit.backends.target import basis_names, build_target, coupling_edges, device_target
from lret_qiskit.job import LRETJob
from lret_qiskit.noise_matching import check_noise_acts
from lret_qiskit.noise_model_importer import ImportCache

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target
    from qiskit_aer.backends.backendconfiguration import AerBackendConfiguration
    from qiskit_aer.backends.backendproperties import AerBackendProperties

    from lret_dist import Forecast, Network

__all__ = ["LRETBackend"]


class LRETBackend(BackendV2):  # type: ignore[misc]
    """Simulator of noisy circuits that keeps a low-rank factor of the density matrix.

    Making a backend starts the session: under MPI, the other MPI ranks begin to serve here, and
    with ``mpi_ranks`` they are started. Several threads may use one backend.

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
        num_qubits = checked_arguments(provider, name, num_qubits)
        defaults = as_defaults(options)
        merged_options(default_options(), options)
        self._mpi_ranks = mpi_ranks
        self._session: Session | None = get_session(mpi_ranks)
        super().__init__(
            provider=provider,
            name=name,
            description="Low-rank simulation of noisy circuits with a certified error",
            backend_version=lret_dist.__version__,
            **defaults,
        )
        self._num_qubits = num_qubits
        self._device: Target | None = None
        self._targets: dict[Any, Target] = {}
        self._imports = ImportCache()

    @classmethod
    def from_backend(
        cls, backend: BackendV2, *, mpi_ranks: int | None = None, **options: Any
    ) -> LRETBackend:
        """A simulator of a device: its coupling map, gates, durations and noise.

        Args:
            backend: the device, or a stand-in such as those of
                ``qiskit_ibm_runtime.fake_provider``; or another simulator, of LRET or Qiskit Aer,
                whose noise model and options are taken where they mean the same here.
            mpi_ranks: as of :class:`LRETBackend`.
            options: as of :class:`LRETBackend`. A ``noise_model`` among them, None too, takes the
                place of the device's.

        Raises:
            TypeError: for anything but a ``BackendV2``.

        Example:
            >>> from qiskit.providers.fake_provider import GenericBackendV2
            >>> LRETBackend.from_backend(GenericBackendV2(5, noise_info=True)).name
            'lret_simulator_from(generic_backend_5q)'
        """
        if not isinstance(backend, BackendV2):
            raise TypeError(f"expected a BackendV2, got {type(backend).__name__}")
        made = cls(
            name=f"lret_simulator_from({backend.name})",
            num_qubits=backend.num_qubits,
            mpi_ranks=mpi_ranks,
            **options_from(backend, options),
        )
        made.description = backend.description or made.description
        made._device = device_target(backend.target)
        return made

    def __repr__(self) -> str:
        return (
            f"LRETBackend({self.name!r}, num_qubits={self._num_qubits}, "
            f"epsilon={self.options.epsilon})"
        )

    def __getstate__(self) -> dict[str, Any]:
        # A copy finds the session of the process that it comes to, and makes targets of its own.
        # It has options of its own.
        return {
            **self.__dict__,
            "_session": None,
            "_targets": {},
            "_imports": ImportCache(),
            "_options": copy(self._options),
        }

    @property
    def session(self) -> Session:
        """The session that runs this backend's jobs; each process has one of its own."""
        session = self._session
        if session is None or not session.is_here:
            self._session = session = get_session(self._mpi_ranks)
        return session

    @classmethod
    def _default_options(cls) -> Options:
        return default_options()

    @property
    def target(self) -> Target:
        """Gates taken as they are.

        These are what the options ``coupling_map`` and ``basis_gates`` name; else the device's, for
        the simulator of one; else the basis of the noise model, or all gates.
        """
        coupling_map, basis = self.options.coupling_map, self.options.basis_gates
        if coupling_map is None and basis is None and self._device is not None:
            return self._device
        edges = None if coupling_map is None else coupling_edges(coupling_map)
        if basis is None:
            basis = getattr(self.options.noise_model, "basis_gates", None)
        key = edges, None if basis is None else basis_names(basis), self._num_qubits
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = build_target(self._num_qubits, key[1], edges)
        return target

    @property
    def coupling_map(self) -> Any:
        """Qubits that gates may couple, as a ``CouplingMap``; None where all may."""
        if self.options.coupling_map is not None:
            return CouplingMap(coupling_edges(self.options.coupling_map))
        return self.target.build_coupling_map()

    @property
    def max_circuits(self) -> None:
        """Most circuits of one job; there is no limit."""
        return None

    def available_methods(self) -> tuple[str, ...]:
        """Values of the option ``method``."""
        return METHODS

    def available_devices(self) -> tuple[str, ...]:
        """Values of the option ``device``."""
        return ("CPU",)

    def configuration(self) -> AerBackendConfiguration:
        """The backend as older tools describe one, as ``AerSimulator.configuration()``."""
        return configuration_of(self)

    def properties(self) -> AerBackendProperties | None:
        """Durations and errors of the device's gates, None where this simulates no device."""
        return None if self._device is None else target_to_backend_properties(self._device)

    def set_max_qubits(self, max_qubits: int) -> None:
        """Set the most qubits of a circuit; a device keeps its own.

        Raises:
            TypeError: when it is not an integer.
            ValueError: when it is less than one.
        """
        number = positive("max_qubits", max_qubits)
        if self._device is None:
            self._num_qubits = number

    def set_options(self, **fields: Any) -> None:
        """Set defaults of :meth:`run`'s options; a wrong value leaves them as they were.

        Raises:
            AttributeError: for an unknown option.
            TypeError: for a value of the wrong type.
            ValueError: for a value out of range.
        """
        options = as_defaults(fields)
        merged_options(self.options, options)
        super().set_options(**options)

    def set_option(self, key: str, value: Any) -> None:
        """As :meth:`set_options`, for one option."""
        self.set_options(**{key: value})

    def clear_options(self) -> None:
        """Set every option back to its default, the noise model too."""
        self._options = default_options()

    def run(
        self,
        run_input: QuantumCircuit | Iterable[QuantumCircuit],
        parameter_binds: Any = None,
        **options: Any,
    ) -> LRETJob:
        """Start a job; it goes on in the background.

        Args:
            run_input: one circuit or several. They need not be transpiled.
            parameter_binds: for each circuit a dictionary of values of its parameters,
                ``{parameter: [value, ...]}``; the result has one experiment for each value, circuit
                by circuit.
            options: ``shots``, ``seed_simulator`` (or ``seed``), ``memory``, ``rank_history``,
                ``progress``, ``method``, ``truncation``, ``epsilon``, ``standard_error``,
                ``resolution``, ``max_rank``, ``precision``, ``initial_rank``, ``initial_state``,
                ``parallelization``, ``process_grid``, ``checkpoint``, ``checkpoint_interval`` and
                ``noise_model`` (of Qiskit Aer or of lret_dist); what is not given is the backend's.
                None is the backend's too, but for ``noise_model``, ``max_rank``,
                ``initial_state``, ``standard_error``, ``resolution``, ``process_grid`` and
                ``checkpoint``: there it means none. Options that tune Qiskit Aer are accepted
                without effect. Unknown options are ignored with a warning.

        A circuit that is too large for the backend or its memory fails alone, in its own
        experiment, where others of the job can be run.

        Raises:
            TypeError: for something that is not a circuit, or an option of the wrong type.
            ValueError: for a circuit that cannot be simulated (its subclass
                ``UnsupportedOperationError`` names an unknown operation), infinite parameters, too
                many qubits, or an option out of range. The subclass ``ParameterBindsError``, also
                an ``AerError``, says that parameters have no values, or that these do not fit.
            InsufficientMemoryError: if no circuit can fit.
            SessionError: if the backend's MPI ranks have ended, with what they wrote last.
        """
        checked = merged_options(self.options, options)
        circuits = bound_circuits(as_circuits(run_input), parameter_binds)
        noise = noise_of(checked, self._imports)
        pairs = [
            translated(circuit, noise, checked, number, self._num_qubits)
            for number, circuit in enumerate(circuits)
        ]
        requests = [request for request, _ in pairs]
        sent = [each.circuit for each in requests if isinstance(each, SimulationRequest)]
        if noise is not None and sent:
            check_noise_acts(noise, sent, written_names(circuits))
        experiments = [experiment for _, experiment in pairs]
        job = LRETJob(self, str(uuid.uuid4()), requests, experiments, circuits, checked.progress)
        job.submit()
        return job

    def plan(
        self,
        circuit: QuantumCircuit,
        *,
        mpi_ranks: int | None = None,
        memory_per_rank: float | str | None = None,
        threads_per_rank: int | None = None,
        network: Network | None = None,
        **options: Any,
    ) -> Forecast:
        """What :meth:`run` would take on so many MPI ranks, which need not be there.

        Without ``mpi_ranks`` it is what it would take here, on the MPI ranks, threads and memory
        that the backend has.

        Args:
            circuit: the circuit; it need not be transpiled.
            mpi_ranks: MPI ranks to plan for; default: those that the backend has.
            memory_per_rank: as of :func:`lret_dist.plan`, like ``network``.
            threads_per_rank: threads of each MPI rank; default: 1 where ``mpi_ranks`` is given.
            network: how fast they talk.
            options: as of :meth:`run`.

        Raises:
            TypeError: or ValueError, as of :meth:`run`.
            InsufficientMemoryError: when it cannot fit, saying how many MPI ranks would hold it.
        """
        checked = merged_options(self.options, options)
        (circuit,) = as_circuits([circuit])
        check_size(circuit, self._num_qubits)
        request = request_of(circuit, noise_of(checked, self._imports), checked, 0)
        threads = 1
        if mpi_ranks is None:
            here = self.session.machine
            mpi_ranks, threads = here.mpi_ranks, here.threads
            memory_per_rank = here.bytes_per_rank if memory_per_rank is None else memory_per_rank
        return plan_request(
            request,
            mpi_ranks=mpi_ranks,
            memory_per_rank=memory_per_rank,
            threads_per_rank=threads if threads_per_rank is None else threads_per_rank,
            network=network,
        )
