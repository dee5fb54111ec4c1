"""One good run, then workers that have nothing to do."""

import time

from lret_dist import Circuit, simulate

simulate(Circuit(3).gate("h", [0]).gate("cx", [0, 1]).measure_all(), shots=10)
print("ready", flush=True)
time.sleep(120)
