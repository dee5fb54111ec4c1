"""The list of steps that a circuit becomes, gates and noise multiplied together."""
