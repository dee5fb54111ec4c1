"""The provider: LRET's backends by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.providers.exceptions import QiskitBackendNotFoundError

from lret_dist import get_session
from lret_qiskit.backends import LRETBackend

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LRETProvider"]

_DEFAULT_BACKEND = "lret_simulator"

#: Backend name -> trace that a run may discard.
_EPSILONS = {
    "lret_simulator": 1e-4,
    "lret_simulator_accurate": 1e-6,
    "lret_simulator_fast": 1e-3,
}


class LRETProvider:
    """Gives LRET's backends by name.

    Making a provider starts the session: under MPI, the other MPI ranks begin to serve here, and
    with ``mpi_ranks`` they are started.

    Example:
        >>> backend = LRETProvider(mpi_ranks=2).get_backend("lret_simulator")
        >>> backend.session.mpi_ranks
        2
    """

    def __init__(self, mpi_ranks: int | None = None) -> None:
        """Start the session.

        Args:
            mpi_ranks: MPI ranks to start on this machine, or in the Slurm allocation that this
                process is part of; they end with the process. Providers with the same number share
                them. Default: those of the launcher, such as mpirun, or else none.

        Raises:
            TypeError: when ``mpi_ranks`` is not an integer.
            ValueError: when it is not positive, or a launcher has started another number.
            LauncherError: when the MPI ranks cannot be started, with what they wrote.
        """
        get_session(mpi_ranks)
        self._mpi_ranks = mpi_ranks

    def __repr__(self) -> str:
        return f"LRETProvider(backends={list(_EPSILONS)})"

    def backends(
        self,
        name: str | None = None,
        filters: Callable[[LRETBackend], bool] | None = None,
        **attributes: Any,
    ) -> list[LRETBackend]:
        """Every backend that fits.

        Args:
            name: only the backend of this name.
            filters: only backends for which this is true.
            attributes: only backends with these attributes, such as ``num_qubits=28``.
        """
        names = [known for known in _EPSILONS if name in (None, known)]
        made = [
            LRETBackend(self, known, mpi_ranks=self._mpi_ranks, epsilon=_EPSILONS[known])
            for known in names
        ]
        return [backend for backend in made if _fits(backend, filters, attributes)]

    def get_backend(self, name: str | None = None, **attributes: Any) -> LRETBackend:
        """One backend by name; the default is ``lret_simulator``.

        Raises:
            QiskitBackendNotFoundError: naming the backends that exist.
        """
        wanted = _DEFAULT_BACKEND if name is None else name
        found = self.backends(wanted, **attributes)
        if not found:
            conditions = "".join(f", {key}={value!r}" for key, value in attributes.items())
            raise QiskitBackendNotFoundError(
                f"no backend fits {wanted!r}{conditions}; there are: {', '.join(_EPSILONS)}"
            )
        return found[0]


def _fits(
    backend: LRETBackend,
    filters: Callable[[LRETBackend], bool] | None,
    attributes: dict[str, Any],
) -> bool:
    if any(getattr(backend, key, None) != value for key, value in attributes.items()):
        return False
    return filters is None or bool(filters(backend))
