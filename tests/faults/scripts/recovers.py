"""A mistake that is caught, then a good run on the same workers."""

from lret_dist import Circuit, get_session, simulate

get_session()
circuit = Circuit(3).gate("x", [0]).gate("cx", [0, 1]).measure_all()
for mistake in ({"epsilon": 2.0}, {"shots": -1}, {"parallelization": "diagonal"}):
    try:
        simulate(circuit, **mistake)
    except ValueError as error:
        print("caught", error, flush=True)
print("counts", simulate(circuit, shots=10, parallelization="row").counts(), flush=True)
