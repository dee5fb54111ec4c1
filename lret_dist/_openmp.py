"""How OpenMP threads wait; must be set before the compiled core, and with it OpenMP, is loaded.

GNU's threads spin for milliseconds at the end of every loop. With a single other busy process on
two cores that made kernels eight times slower; a short spin costs nothing measurable.
"""

import os

__all__: list[str] = []

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
