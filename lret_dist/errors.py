"""Exceptions of LRET. Bad arguments raise ``ValueError`` or ``TypeError`` instead."""

__all__ = [
    "CancelledError",
    "CheckpointError",
    "ClassicalError",
    "InsufficientMemoryError",
    "LauncherError",
    "LretError",
    "ReleasedError",
    "SessionError",
    "StateNotPureError",
    "StoppedError",
    "TruncationWarning",
    "UnsupportedOperationError",
]


class LretError(Exception):
    """Base of everything that LRET raises beside ``ValueError`` and ``TypeError``."""


class InsufficientMemoryError(LretError):
    """The run cannot fit in the memory of the MPI ranks; the text says what would help."""


class LauncherError(LretError):
    """MPI ranks could not be started, or launcher and MPI library do not belong together."""


class SessionError(LretError):
    """The session is closed or its MPI ranks have ended, or no run can start in this place."""


class ReleasedError(LretError):
    """A factor that was kept on the MPI ranks was let go; nothing can be asked of it any more."""


class CancelledError(LretError):
    """The run was cancelled before it ended; there is no result."""


class CheckpointError(LretError):
    """A checkpoint cannot be written, or the file is damaged or none; the text says why."""


class StoppedError(LretError):
    """The run was stopped by a signal and saved; the same call goes on from its checkpoint.

    Attributes:
        mpi_rank: the MPI rank that got the signal, None where that is not known.
    """

    mpi_rank: int | None = None


class UnsupportedOperationError(LretError, ValueError):
    """The circuit holds an operation that LRET cannot simulate; the text names it."""


class ClassicalError(LretError, ArithmeticError):
    """A classical expression of a circuit has no value, such as a division by zero."""


class StateNotPureError(LretError):
    """A state vector was to be saved of a state that is mixed."""


class TruncationWarning(UserWarning):
    """Memory or ``max_rank`` forced more weight to be discarded than ``epsilon`` allows."""
