"""Patient models: what a twin is, how a prior adapts to one patient, and how a twin predicts and
simulates.
"""
