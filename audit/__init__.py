"""Pure functions that say what a round must be, and the verifier that checks it. No network, torch
or flwr.
"""
