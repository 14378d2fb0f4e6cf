"""The Flower app that reviewers approve: the ClientApp and ServerApp of one study, and what they
learn.
"""
