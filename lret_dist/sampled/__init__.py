"""States with sampled columns, and what they estimate."""
