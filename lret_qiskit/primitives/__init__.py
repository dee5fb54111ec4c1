"""Qiskit's primitives on LRET: samples and expectation values of batches of circuits."""

from lret_qiskit.primitives.estimator import LRETEstimator
from lret_qiskit.primitives.job import LRETPrimitiveJob
from lret_qiskit.primitives.sampler import LRETSampler

__all__ = ["LRETEstimator", "LRETPrimitiveJob", "LRETSampler"]
