"""Good jobs of soak.py, by what they simulate; each checks its own results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.quantum_info import DensityMatrix, SparsePauliOp, partial_trace, random_statevector
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from soak_circuits import (
    drawn_errors,
    exact_state,
    layers,
    network,
    noise_model,
    teleportation,
    until_zero,
)
from soak_context import (
    PARTITIONS,
    Context,
    check,
    check_counts,
    check_expectation,
    check_near,
    check_probability,
    rounding,
)

from lret_qiskit import LRETBackend

if TYPE_CHECKING:
    from qiskit.result import Result

#: Regimes of a run.
REGIMES: tuple[dict[str, Any], ...] = (
    {},
    {"truncation": "certified"},
    {"truncation": "unbiased"},
    {"method": "density_matrix"},
    {"method": "low_rank", "epsilon": 0.0},
    {"truncation": "certified", "epsilon": 1e-2, "precision": "single"},
)
SHOTS = 1000


def run(context: Context, circuits: Any, noise: NoiseModel | None = None, **options: Any) -> Result:
    """The result of a job with a new seed, in a random partition unless ``options`` name one."""
    given = {"shots": 0, "seed_simulator": context.seed(), "noise_model": noise, **options}
    if not given.keys() & {"parallelization", "process_grid"}:
        several = [circuits] if isinstance(circuits, QuantumCircuit) else circuits
        given |= context.partition(min(each.num_qubits for each in several))
    return context.backend.run(circuits, **given).result()


def fixed(context: Context) -> None:
    """The same counts from first to last, in every partition."""
    circuit = layers(np.random.default_rng(7), 6, 4)
    circuit.measure_all()
    model = noise_model({"cx": depolarizing_error(0.02, 2)})
    for partition in PARTITIONS:
        options = {"shots": SHOTS, "seed_simulator": 11, "epsilon": 0.0, **partition}
        counts = run(context, circuit, model, **options).get_counts()
        check_counts(counts, SHOTS)
        _check_as_before(context, "fixed", counts)


def device(context: Context) -> None:
    """A circuit compiled for a device, with its noise by each of two ways: the same counts."""
    manila = FakeManilaV2()
    ghz = QuantumCircuit(4)
    ghz.h(0)
    ghz.cx([0, 1, 2], [1, 2, 3])
    ghz.measure_all()
    compiled = transpile(ghz, manila, seed_transpiler=3, optimization_level=1)
    options = {"shots": SHOTS, "seed_simulator": 12, "epsilon": 0.0}
    if context.rng.random() < 0.5:
        result = run(context, compiled, NoiseModel.from_backend(manila), **options)
    else:
        result = LRETBackend.from_backend(manila).run(compiled, **options).result()
    counts = result.get_counts()
    check_counts(counts, SHOTS)
    _check_as_before(context, "device", counts)


def counts(context: Context) -> None:
    """Counts of 1 to 5 qubits, and the state that they are drawn from."""
    circuit, errors = _drawn(context, 1, 5)
    exact = exact_state(circuit, errors).probabilities_dict()
    circuit.measure_all()
    regime = REGIMES[context.rng.integers(3)]
    found = run(context, circuit, noise_model(errors), shots=SHOTS, **regime).get_counts()
    check_counts(found, SHOTS)
    likeliest = max(exact, key=lambda outcome: exact[outcome])
    check_probability(found, likeliest, exact[likeliest])


def wide_counts(context: Context) -> None:
    """Counts of 6 to 12 qubits, with every shot listed, of a noisy network."""
    made = network(context.rng, int(context.rng.integers(6, 13)), 60)
    made.circuit.measure_all()
    options = {"shots": SHOTS, "memory": True, **REGIMES[context.rng.integers(3)]}
    result = run(context, made.circuit, made.noise, **options)
    check_counts(result.get_counts(), SHOTS)
    observed = [place for place, letter in enumerate(made.string) if letter == "Z"]
    signs = [(-1) ** sum(shot[place] == "1" for place in observed) for shot in result.get_memory()]
    check_near(float(np.mean(signs)), made.value, 0.2, f"the mean of {made.string}")


def density_matrix(context: Context) -> None:
    """A certified state against the exact one, within the certificate."""
    circuit, errors = _drawn(context, 1, 6)
    exact = exact_state(circuit, errors).data
    circuit.save_density_matrix(label="rho")
    regime = REGIMES[context.rng.choice([1, 3, 4, 5])]
    result = run(context, circuit, noise_model(errors), **regime)
    difference = np.asarray(result.data(0)["rho"]) - exact
    distance = 0.5 * np.abs(np.linalg.eigvalsh(difference)).sum()
    facts = result.results[0].metadata
    check_near(distance, 0.0, facts["truncation_error"] + rounding(facts), "the trace distance")


def expectation(context: Context) -> None:
    """Expectation values of 1 to 6 qubits in every regime."""
    circuit, errors = _drawn(context, 1, 6)
    width = circuit.num_qubits
    letters = ["".join(context.rng.choice(list("IXYZ"), width)) for _ in range(3)]
    observable = SparsePauliOp(letters, context.rng.uniform(-1, 1, 3))
    exact = exact_state(circuit, errors).expectation_value(observable).real
    circuit.save_expectation_value(observable, range(width), label="energy")
    regime = REGIMES[context.rng.integers(len(REGIMES))]
    result = run(context, circuit, noise_model(errors), **regime)
    check_expectation(result, "energy", exact, float(np.abs(observable.coeffs).sum()))


def wide_expectation(context: Context) -> None:
    """An expectation value of 7 to 12 qubits."""
    made = network(context.rng, int(context.rng.integers(7, 13)), 60)
    qubits = range(made.circuit.num_qubits)
    made.circuit.save_expectation_value(SparsePauliOp(made.string), qubits, label="z")
    regime = REGIMES[context.rng.choice([0, 1, 2, 5])]
    result = run(context, made.circuit, made.noise, rank_history=True, **regime)
    check_expectation(result, "z", made.value)


def probabilities(context: Context) -> None:
    """Probabilities of some of the qubits."""
    circuit, errors = _drawn(context, 3, 6)
    kept = sorted(context.rng.choice(circuit.num_qubits, 2, replace=False).tolist())
    traced = [qubit for qubit in range(circuit.num_qubits) if qubit not in kept]
    exact = partial_trace(exact_state(circuit, errors), traced).probabilities()
    circuit.save_probabilities(kept, label="p")
    result = run(context, circuit, noise_model(errors), truncation="certified")
    worst = float(np.abs(np.asarray(result.data(0)["p"]) - exact).max())
    facts = result.results[0].metadata
    check_near(worst, 0.0, facts["truncation_error"] + rounding(facts), "the worst probability")


def initial_state(context: Context) -> None:
    """A run from a state vector or a density matrix."""
    circuit, errors = _drawn(context, 2, 5)
    start: Any = random_statevector(2**circuit.num_qubits, seed=context.seed())
    if context.rng.random() < 0.5:
        start = DensityMatrix(start)
    exact = exact_state(circuit, errors, DensityMatrix(start)).data
    circuit.save_density_matrix(label="rho")
    options = {"initial_state": start.data, "truncation": "certified"}
    result = run(context, circuit, noise_model(errors), **options)
    worst = np.abs(np.asarray(result.data(0)["rho"]) - exact).max()
    error = 2 * result.results[0].metadata["truncation_error"]
    check_near(worst, 0.0, error + 1e-9, "the worst entry")


def dynamic(context: Context) -> None:
    """Teleportation, whose outcome no history of the measurements changes."""
    angle, weight = context.rng.uniform(0.3, 2.8), context.rng.uniform(1e-3, 0.1)
    circuit = teleportation(angle)
    cosine = (1 - weight) * np.cos(angle)
    model = noise_model({"ry": depolarizing_error(weight, 1)})
    if context.rng.random() < 0.5:
        circuit.save_expectation_value(SparsePauliOp("Z"), [2], label="z")
        result = run(context, circuit, model, shots=SHOTS, truncation="certified")
        check_expectation(result, "z", cosine)
    else:
        circuit.measure_all()
        found = run(context, circuit, model, shots=SHOTS).get_counts()
        zeros = sum(number for bits, number in found.items() if bits[0] == "0")
        check_probability({"0": zeros, "1": SHOTS - zeros}, "0", (1 + cosine) / 2)


def loop(context: Context) -> None:
    """A loop that ends with 0, whatever comes before."""
    circuit = until_zero(context.rng.uniform(0.3, 1.5))
    found = run(context, circuit, shots=SHOTS, **REGIMES[context.rng.integers(2)]).get_counts()
    check(found == {"0": SHOTS}, f"a loop that ends with 0 has ended with {found}")


def batch(context: Context) -> None:
    """Several circuits of different widths in one job."""
    drawn = [_drawn(context, 1, 5, errors={}) for _ in range(context.rng.integers(20, 101))]
    exact = [exact_state(circuit, {}).probabilities([0])[0] for circuit, _ in drawn]
    for circuit, _ in drawn:
        circuit.save_probabilities([0], label="p")
        circuit.measure_all()
    result = run(context, [circuit for circuit, _ in drawn], shots=SHOTS)
    for number, expected in enumerate(exact):
        check_counts(result.get_counts(number), SHOTS)
        check_near(result.data(number)["p"][0], expected, 1e-9, f"circuit {number}: p(0)")


def parameter_binds(context: Context) -> None:
    """One circuit with several values of its parameter."""
    angle, width = Parameter("angle"), int(context.rng.integers(1, 13))
    circuit = QuantumCircuit(width)
    circuit.ry(angle, 0)
    for qubit in range(width - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.save_expectation_value(SparsePauliOp("Z"), [width - 1], label="z")
    values = context.rng.uniform(0, np.pi, 40)
    result = run(context, circuit, parameter_binds=[{angle: values.tolist()}])
    for number, value in enumerate(values):
        check_near(result.data(number)["z"], np.cos(value), 1e-9, f"<Z> at {value}")


def _drawn(
    context: Context, least: int, most: int, errors: Any = None
) -> tuple[QuantumCircuit, Any]:
    """A random circuit of ``least`` to ``most`` qubits, and random errors unless they are given."""
    rng = context.rng
    circuit = layers(rng, int(rng.integers(least, most + 1)), int(rng.integers(6, 25)))
    drawn = drawn_errors(rng) if errors is None else errors
    return circuit, {name: error for name, error in drawn.items() if name in circuit.count_ops()}


def _check_as_before(context: Context, name: str, counts: dict[str, int]) -> None:
    """Check counts against those of the first job of this name."""
    first = context.remembered.setdefault(name, counts)
    check(counts == first, f"the counts of {name!r} are {counts}, and were {first}")


GOOD = (
    *(counts, wide_counts, density_matrix, expectation, wide_expectation, probabilities),
    *(initial_state, dynamic, loop, batch, parameter_binds, device),
)
