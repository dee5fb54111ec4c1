"""Small matrices of gates and channels, and random numbers."""
