"""LRET: simulation of noisy quantum circuits by a low-rank factor of the density matrix.

The state is rho = L L^dagger with L of shape (2**n, rank). Gates act on L, noise adds columns,
compression removes them, and the trace that is lost on the way is a certified bound on the error.
"""

from importlib.metadata import version

from lret_dist import _preload  # noqa: F401 - before the core is loaded
from lret_dist.api import simulate, simulate_collectively
from lret_dist.circuits.circuit import (
    Barrier,
    Channel,
    Circuit,
    Gate,
    Measure,
    Operation,
    Reset,
)
from lret_dist.circuits.classical import Apply, Bits, Constant
from lret_dist.circuits.control_flow import Jump, Mark, SetState, Store
from lret_dist.circuits.noise import ErrorTerm, NoiseModel
from lret_dist.circuits.saves import (
    SaveAmplitudesSquared,
    SaveDensityMatrix,
    SaveExpectationValue,
    SaveFactor,
    SaveProbabilities,
    SaveStateVector,
    SaveVariance,
)
from lret_dist.errors import (
    CancelledError,
    CheckpointError,
    ClassicalError,
    InsufficientMemoryError,
    LauncherError,
    LretError,
    ReleasedError,
    SessionError,
    StateNotPureError,
    StoppedError,
    TruncationWarning,
    UnsupportedOperationError,
)
from lret_dist.grid.process_grid import ProcessGrid
from lret_dist.machines.machine import Network
from lret_dist.options import SimulationOptions
from lret_dist.planning.forecast import Forecast, plan
from lret_dist.planning.jobs import SimulationRequest
from lret_dist.results.factor_handle import FactorHandle
from lret_dist.results.low_rank_state import LowRankState
from lret_dist.results.result import RunMetadata, SimulationResult
from lret_dist.runs.progress import Progress
from lret_dist.runs.run_handle import RunHandle
from lret_dist.sessions.abstract_session import Session
from lret_dist.sessions.session import get_session, start_mpi_if_launched

__version__ = version("lret-dist")

__all__ = [
    "Apply",
    "Barrier",
    "Bits",
    "CancelledError",
    "Channel",
    "CheckpointError",
    "Circuit",
    "ClassicalError",
    "Constant",
    "ErrorTerm",
    "FactorHandle",
    "Forecast",
    "Gate",
    "InsufficientMemoryError",
    "Jump",
    "LauncherError",
    "LowRankState",
    "LretError",
    "Mark",
    "Measure",
    "Network",
    "NoiseModel",
    "Operation",
    "ProcessGrid",
    "Progress",
    "ReleasedError",
    "Reset",
    "RunHandle",
    "RunMetadata",
    "SaveAmplitudesSquared",
    "SaveDensityMatrix",
    "SaveExpectationValue",
    "SaveFactor",
    "SaveProbabilities",
    "SaveStateVector",
    "SaveVariance",
    "Session",
    "SessionError",
    "SetState",
    "SimulationOptions",
    "SimulationRequest",
    "SimulationResult",
    "StateNotPureError",
    "StoppedError",
    "Store",
    "TruncationWarning",
    "UnsupportedOperationError",
    "get_session",
    "plan",
    "simulate",
    "simulate_collectively",
]

start_mpi_if_launched()
