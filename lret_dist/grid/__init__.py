"""MPI ranks in a grid: who holds what, the order of steps, messages and files."""
