"""What comes out of a state, and what is asked of it afterwards."""
