"""Starts, watches and stops the local processes; `bootstrap.py` sets the machine up for them."""
