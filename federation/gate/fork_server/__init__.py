"""One process that has imported the libraries, and forks a fresh child for every message."""
