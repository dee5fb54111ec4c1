"""A run, and another one after SIGUSR1, which this script handles itself."""

import signal
import time

from lret_dist import Circuit, simulate

circuit = Circuit(2).gate("x", [0]).gate("x", [1]).measure_all()
simulate(circuit, shots=10)
# The workers have left the script at the first run.
told = []
signal.signal(signal.SIGUSR1, lambda number, _: told.append(number))
print("ready", flush=True)
while not told:
    time.sleep(0.01)
print("counts", simulate(circuit, shots=10).counts(), flush=True)
