"""Driver and workers: MPI ranks that run jobs together, wherever they are."""
