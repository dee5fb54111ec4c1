"""What is simulated, as plain data: operations, noise, what is saved, initial states."""
