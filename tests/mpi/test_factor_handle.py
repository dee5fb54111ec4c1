"""Factors that stay on MPI ranks, on every process grid; every MPI rank takes part."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI
from random_circuits import brick_wall, brick_wall_noise

from lret_dist import (
    Circuit,
    LowRankState,
    NoiseModel,
    ProcessGrid,
    SimulationOptions,
    SimulationRequest,
    simulate_collectively,
)
from lret_dist.circuits.saves import SaveExpectationValue, SaveFactor, SaveProbabilities
from lret_dist.errors import ReleasedError
from lret_dist.factors.state import State
from lret_dist.grid.communicator import GridCommunicator
from lret_dist.machines.machine import Machine
from lret_dist.planning.jobs import prepare
from lret_dist.results.kept_factors import KeptFactor, keep
from lret_dist.results.questions import Gram, Inquiry, Overlaps, answer
from lret_dist.runs.signals import SignalNotes
from lret_dist.sessions.crew import COMMAND, Crew, Grids, next_message, take_part, tell

WORLD = MPI.COMM_WORLD
GRIDS = [ProcessGrid(r, WORLD.size // r) for r in (1, 2, 4) if WORLD.size % r == 0]
DRIVER = WORLD.rank == 0
QUBITS = 5
ORDER = (3, 0, 4, 1, 2)
MACHINE = Machine(mpi_ranks=WORLD.size, bytes_per_rank=1 << 30)


def columns(seed: int, number: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    entries = rng.normal(size=(1 << QUBITS, number)) + 1j * rng.normal(size=(1 << QUBITS, number))
    return entries / np.linalg.norm(entries)


@pytest.fixture(params=GRIDS, ids=str)
def comm(request: pytest.FixtureRequest) -> GridCommunicator:
    return GridCommunicator(request.param, WORLD)


def shuffled(comm: GridCommunicator, whole: np.ndarray, dtype: type) -> State:
    """The state with its qubits on other bits, and a flipped distributed one."""
    state = State.prepare(QUBITS, comm, np.dtype(dtype), whole, whole.shape[1])
    state.distribute((0, 2, 3)[: comm.grid.row_bits])
    state.distribute((2, 4, 1)[: comm.grid.row_bits])
    if comm.grid.row_bits:
        # X on a distributed qubit moves nothing.
        state.layout.flipped ^= 1
    return state


def exact_columns(state: State) -> np.ndarray:
    """Columns by row number, whose bit p is that of qubit ORDER[p]; on every MPI rank."""
    whole = state.gathered(ORDER)
    return WORLD.bcast(whole)  # type: ignore[no-any-return]


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("number", [1, 7, 40])
def test_answers(
    comm: GridCommunicator, number: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lret_dist.factors.gram.BUFFER_BYTES", 1000)
    state = shuffled(comm, 3 * columns(1, number), dtype)
    exact = LowRankState(exact_columns(state))
    kept = keep(state, ORDER)
    assert (kept.num_qubits, kept.grid) == (QUBITS, comm.grid)
    assert kept.rank == min(number, 1 << QUBITS)
    held, close = comm.shelf.get(kept.number), {"atol": 1e-6 if dtype == np.complex64 else 1e-12}
    other, wires = columns(2, 3), tuple(range(QUBITS))
    questions = (
        *(Gram(), Overlaps.of(other) if DRIVER else Overlaps(3, None)),
        *(SaveFactor("", wires), SaveProbabilities("", (4, 1))),
        SaveExpectationValue("", wires, (("XIZYX", 0.5), ("ZZIIZ", -2.0))),
    )
    gram, overlaps, factor, weights, value = [answer(held, each) for each in questions]
    if not DRIVER:
        return
    assert np.vdot(gram, gram).real == pytest.approx(exact.purity(), rel=1e-5)
    np.testing.assert_allclose(gram, factor.conj().T @ factor, **close)
    np.testing.assert_allclose(overlaps, factor.conj().T @ other, **close)
    assert LowRankState(factor).trace_distance(exact) == pytest.approx(0, abs=close["atol"] * 50)
    np.testing.assert_allclose(weights, exact.probabilities([4, 1]), **close)
    operator = {"XIZYX": 0.5, "ZZIIZ": -2.0}
    np.testing.assert_allclose(value, exact.expectation_value(operator), **close)


def kept_circuit() -> Circuit:
    circuit = brick_wall(QUBITS, 3).append(SaveFactor("L", ORDER, distributed=True))
    # The run goes on with another state.
    return circuit.gate("h", [2]).gate("cx", [2, 4]).append(SaveFactor("end", ORDER))


def reference() -> LowRankState:
    """The kept state by one process."""
    circuit = brick_wall(QUBITS, 3).append(SaveFactor("L", ORDER))
    bound = noise().bind(circuit)
    # Every MPI rank by itself.
    result = simulate_collectively(bound, comm=MPI.COMM_SELF, epsilon=0, shots=0)
    assert result is not None
    return LowRankState(result.data["L"])


def noise() -> NoiseModel:
    return brick_wall_noise(1e-2, 1e-1)


@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_runs_leave_factors_behind(grid: ProcessGrid, method: str) -> None:
    exact = reference()
    if not DRIVER:
        grids, signals = Grids(WORLD), SignalNotes()
        while (command := next_message(WORLD, 0, COMMAND)) is not None:
            take_part(WORLD, command, grids, 1, signals)
            here = grids.find(grid)
            assert here is not None
        assert here.shelf.size == 0
        return
    crew = Crew(WORLD if WORLD.size > 1 else None, 1, MACHINE)
    options = SimulationOptions(
        epsilon=0, shots=0, method=method, process_grid=(grid.rows, grid.columns)
    )
    request = SimulationRequest(circuit=kept_circuit(), noise=noise(), options=options)
    prepared = prepare(request, MACHINE)
    records = []
    for _ in range(2):
        result = crew.run(prepared, lambda: False, SignalNotes())
        record = result.data["L"]
        assert isinstance(record, KeptFactor)
        assert record.grid == grid
        records.append(record)
        end = LowRankState(result.data["end"])
        assert end.trace_distance(exact) > 0.1
    used = MACHINE.bytes_per_rank - crew.machine.bytes_per_rank
    assert used == sum(record.bytes_per_rank for record in records) > 0
    crew.ask(Inquiry(records[0], None))
    with pytest.raises(ReleasedError):
        crew.ask(Inquiry(records[0], Gram()))
    found = LowRankState(crew.ask(Inquiry(records[1], SaveFactor("", tuple(range(QUBITS))))))
    assert found.trace_distance(exact) == pytest.approx(0, abs=1e-10)
    overlaps = crew.ask(Inquiry(records[1], Overlaps.of(exact.columns)))
    assert np.linalg.svd(overlaps, compute_uv=False).sum() == pytest.approx(1, abs=1e-6)
    crew.ask(Inquiry(records[1], None))
    assert crew.machine == MACHINE
    if WORLD.size > 1:
        tell(WORLD, None)


def test_a_run_that_fails_leaves_nothing(comm: GridCommunicator) -> None:
    state = State.prepare(QUBITS, comm, np.dtype(np.complex128), None, 1)
    first = keep(state.copy(), ORDER)
    numbers: list[int] = []

    def keep_and_fail() -> None:
        with comm.shelf.undone_on_failure():
            numbers.append(keep(state, ORDER).number)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        keep_and_fail()
    assert comm.shelf.get(first.number) is not None
    assert comm.shelf.get(numbers[0]) is None
    # Numbers are not used again.
    third = keep(State.prepare(QUBITS, comm, np.dtype(np.complex128), None, 1), ORDER)
    assert third.number > numbers[0]


def test_collective_runs_keep_nothing() -> None:
    with pytest.raises(ValueError, match="cannot keep a factor on the MPI ranks"):
        simulate_collectively(kept_circuit(), comm=WORLD, shots=0)
