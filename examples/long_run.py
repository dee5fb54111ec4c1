"""A run that is saved when Slurm is about to end it, and that goes on from there.

    sbatch slurm/checkpoint.sbatch examples/long_run.py --checkpoint checkpoints
    mpirun -n 2 python -m lret_dist examples/long_run.py --checkpoint checkpoints

The same command finds what was saved and goes on; the counts are those of a run that nothing has
disturbed. More steps make it longer.
"""

from __future__ import annotations

import argparse

from demo import ising_chain, noise_model

from lret_qiskit import LRETProvider


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate a noisy chain of spins for long.")
    parser.add_argument("--checkpoint", default="checkpoints", help="folder in which it is saved")
    parser.add_argument("--qubits", type=int, default=14)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--every", type=float, default=600.0, help="seconds between checkpoints")
    options = parser.parse_args()

    backend = LRETProvider().get_backend("lret_simulator")
    circuit = ising_chain(options.qubits, options.steps)
    print(f"{circuit.num_qubits} qubits, depth {circuit.depth()}: started", flush=True)
    job = backend.run(
        circuit,
        noise_model=noise_model(),
        truncation="certified",
        epsilon=1e-2,
        shots=2000,
        seed_simulator=2024,
        checkpoint=options.checkpoint,
        checkpoint_interval=options.every,
    )
    result = job.result()
    facts = result.results[0].metadata
    print(f"rank {facts['final_rank']}, certified error {facts['truncation_error']:.2e}")
    for bits, times in sorted(result.get_counts().items()):
        print(f"counts {bits} {times}")


if __name__ == "__main__":
    main()
