"""A user's mistake that nobody catches, after a good run."""

from lret_dist import Circuit, simulate

simulate(Circuit(3).gate("h", [0]).measure_all(), shots=10)
raise RuntimeError("the user's own mistake")
