"""One value of a parameter, as each job of a Slurm array runs it, and a table of all values.

    sbatch slurm/array.sbatch examples/sweep.py --output results
    python examples/sweep.py --output results --table

Job number k simulates a chain of spins whose CX gates have the k-th error rate, and writes
results/rate-k.json. A job that is run again writes the same file anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from demo import ising_chain
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETProvider

ERROR_RATES = [2.0**-k for k in range(5, 13)]
QUBITS, STEPS = 10, 4


def main() -> None:
    parser = argparse.ArgumentParser(description="Sweep the error rate of CX gates.")
    parser.add_argument("--output", type=Path, default=Path("results"))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--index", type=int, help="which error rate; Slurm's array index")
    what.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print_table(options.output)
    elif not 0 <= options.index < len(ERROR_RATES):
        last = len(ERROR_RATES) - 1
        sys.exit(
            f"sweep.py: there is no error rate number {options.index}: this sweep has "
            f"{len(ERROR_RATES)}, so submit it with --array=0-{last}"
        )
    else:
        write(options.output / f"rate-{options.index}.json", simulated(ERROR_RATES[options.index]))


def simulated(rate: float) -> dict[str, float]:
    """The magnetisation of the chain at an error rate, and what it is known to."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(rate, 2), ["cx"])
    circuit = ising_chain(QUBITS, STEPS)
    circuit.remove_final_measurements()
    each = [("Z", [qubit], 1 / QUBITS) for qubit in range(QUBITS)]
    magnetisation = SparsePauliOp.from_sparse_list(each, num_qubits=QUBITS)
    circuit.save_expectation_value(magnetisation, range(QUBITS), label="magnetisation")
    backend = LRETProvider().get_backend("lret_simulator")
    result = backend.run(circuit, noise_model=noise, truncation="certified", shots=0).result()
    return {
        "rate": rate,
        "magnetisation": result.data(0)["magnetisation"],
        "certified_error": result.results[0].metadata["truncation_error"],
    }


def write(path: Path, values: dict[str, float]) -> None:
    """Write a file as a whole, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(values))
    unfinished.replace(path)
    print(f"{path}: {values}")


def print_table(folder: Path) -> None:
    for index, rate in enumerate(ERROR_RATES):
        path = folder / f"rate-{index}.json"
        if not path.exists():
            print(f"{rate:.6f}  missing: {path}")
            continue
        values = json.loads(path.read_text())
        print(f"{rate:.6f}  {values['magnetisation']:+.6f}  +- {values['certified_error']:.1e}")


if __name__ == "__main__":
    main()
