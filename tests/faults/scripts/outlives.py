"""A thread that simulates, with threads of its own, when the script's last line has passed."""

import threading

import numpy as np
from random_circuits import brick_wall, brick_wall_noise

from lret_dist import get_session, simulate


def run() -> None:
    threading.main_thread().join()
    noisy = brick_wall_noise(1e-3, 1e-2).bind(brick_wall(6, 4)).measure_all()
    result = simulate(noisy, shots=100, truncation="unbiased")
    print(f"{result.metadata.truncation} done", flush=True)
    # A density matrix of several columns, made of them by several threads.
    mixed = np.diag(np.arange(1, 65) / 2080).astype(complex)
    result = simulate(noisy, shots=100, method="density_matrix", initial_state=mixed)
    print(f"{result.metadata.method} done", flush=True)


get_session()
threading.Thread(target=run).start()
