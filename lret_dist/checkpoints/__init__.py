"""The file of a saved run, on any process grid, and the files of a folder."""
