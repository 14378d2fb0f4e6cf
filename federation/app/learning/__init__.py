"""The learning maths: per-patient meta-gradients of a twin prior, and the baselines that it is
compared with.
"""
