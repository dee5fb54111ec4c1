"""Files that are read with limits, and written as a whole."""
