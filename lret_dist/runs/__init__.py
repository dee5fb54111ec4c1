"""One circuit on the MPI ranks of its grid, from the first step to the last."""
