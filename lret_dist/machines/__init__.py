"""What there is to run on: cores, memory, launchers, what Slurm gave."""
