"""A run after the script has taken memory of its own: ``own_memory.py DOOR MIB QUBITS``."""

import os
import sys
from pathlib import Path

Path(sys.argv[1]).write_text(str(os.getpid()))

import numpy as np  # noqa: E402

from lret_dist import Circuit, InsufficientMemoryError, get_session, simulate  # noqa: E402

mebibytes, qubits = map(int, sys.argv[2:])
circuit = Circuit(qubits).gate("h", [0]).gate("h", [qubits - 1]).measure_all()
get_session()
own = np.ones(mebibytes << 17)
try:
    simulate(circuit, shots=10)
except InsufficientMemoryError as error:
    print("refused:", error, flush=True)
del own
print("counts", sum(simulate(circuit, shots=10).counts().values()), flush=True)
