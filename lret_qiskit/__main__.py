"""``python -m lret_qiskit`` is the command ``lret``."""

from lret_qiskit.cli import main

if __name__ == "__main__":
    main()
