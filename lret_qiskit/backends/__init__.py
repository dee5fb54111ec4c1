"""LRET's Qiskit backend: its options, its target and how it runs circuits."""

from lret_qiskit.backends.backend import LRETBackend

__all__ = ["LRETBackend"]
