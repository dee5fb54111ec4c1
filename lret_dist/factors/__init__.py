"""The factor L of rho = L L^dagger: branching, dealing out, compression."""
