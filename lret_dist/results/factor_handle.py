"""A factor that stays on the MPI ranks that have computed it, as its owner sees it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NoReturn

from lret_dist.circuits.saves import SaveFactor
from lret_dist.errors import InsufficientMemoryError, ReleasedError
from lret_dist.results.factored_state import FactoredState
from lret_dist.results.low_rank_state import LowRankState
from lret_dist.results.questions import Inquiry, Question, answer_bytes

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from lret_dist.results.kept_factors import KeptFactor
    from lret_dist.sessions.abstract_session import Session

__all__ = ["FactorHandle"]


class FactorHandle(FactoredState):
    """A state whose factor lies on the MPI ranks of a session.

    Questions wait for their turn in the session's queue, and its MPI ranks answer them together.
    The factor takes memory there until it is released: by :meth:`release`, at the end of a
    ``with`` block, when nothing refers to the handle any more, or when the session is closed.

    Every method that asks raises :class:`~lret_dist.errors.ReleasedError` after the release,
    :class:`~lret_dist.errors.SessionError` when the session is closed or belongs to another
    process, and :class:`~lret_dist.errors.InsufficientMemoryError` when the answer would not fit.
    """

    def __init__(self, session: Session, kept: KeptFactor) -> None:
        """Own a factor that a session's MPI ranks keep."""
        self._session = session
        self._kept = kept
        self._release = weakref.finalize(self, session.let_go, kept)
        # A process that ends tells its MPI ranks anyway.
        self._release.atexit = False

    def __repr__(self) -> str:
        grid = self._kept.grid
        where = f"process_grid=({grid.rows}, {grid.columns})" if self.is_held else "released"
        return f"FactorHandle(num_qubits={self.num_qubits}, rank={self.rank}, {where})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: Any) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a FactorHandle cannot leave its process: its factor lies on the MPI ranks of the "
            "session; gather() makes a LowRankState, which can"
        )

    @property
    def num_qubits(self) -> int:
        """Number of qubits, n."""
        return self._kept.num_qubits

    @property
    def rank(self) -> int:
        """Number of columns of L, at least the rank of rho."""
        return self._kept.rank

    @property
    def bytes_per_rank(self) -> int:
        """Bytes that the factor takes on an MPI rank; later runs have so many less."""
        return self._kept.bytes_per_rank if self.is_held else 0

    @property
    def is_held(self) -> bool:
        """Whether the factor was not released yet."""
        return self._release.alive

    def release(self) -> None:
        """Let the factor go, after all that was queued before; later calls do nothing."""
        self._release()

    def gather(self) -> LowRankState:
        """The state with all of L, 2**n r numbers, in this process; the handle stays as it is."""
        return LowRankState(self._ask(SaveFactor("", tuple(range(self.num_qubits)))))

    def give_away(self) -> KeptFactor:
        """Where the factor lies; from now on whoever gets this has to let it go."""
        self._release.detach()
        return self._kept

    def _ask(self, question: Question) -> Any:
        if not self.is_held:
            raise ReleasedError(
                "the factor was released; run the circuit again, or gather() it before"
            )
        self._session.check_usable()
        needed = answer_bytes(question, self.num_qubits, self.rank)
        there = self._session.machine.bytes_per_rank
        if needed > there:
            raise InsufficientMemoryError(
                f"the answer takes {needed / 2**20:.0f} MiB on MPI rank 0, but "
                f"{there / 2**20:.0f} MiB can be used; what would help: fewer qubits, or releasing "
                f"other factors"
            )
        return self._session.ask(Inquiry(self._kept, question))
