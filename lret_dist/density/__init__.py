"""The density matrix as real Pauli coefficients."""
