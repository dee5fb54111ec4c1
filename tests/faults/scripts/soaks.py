"""benchmarks/soak.py with the arguments of this script."""

import runpy
import sys
from pathlib import Path

SOAK = Path(__file__).parents[3] / "benchmarks" / "soak.py"

if __name__ == "__main__":
    sys.argv[0] = str(SOAK)
    runpy.run_path(str(SOAK), run_name="__main__")
