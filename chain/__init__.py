"""Python's view of the contracts: messages, events, typed clients, deployment, evidence.

`chain.messages` and `chain.events` are pure (no provider); every other module talks to a node
or a compiler.
"""
