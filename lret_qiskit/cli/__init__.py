"""The command line: ``lret``, or ``python -m lret_qiskit``."""

from lret_qiskit.cli.app import main

__all__ = ["main"]
