"""Noise models of Qiskit Aer, and of devices: read, kept as JSON, and written into circuits."""
