"""What a run is told, and what it notes down on its way."""
