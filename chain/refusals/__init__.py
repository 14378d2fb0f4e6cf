"""A contract's refusals: one exception for each custom error, same name, its values as attributes.

Import these names from `chain.errors`. Fields have the order of `contracts/interfaces/*.sol`.
`says` is the message; it names the values in braces and says what to do.
"""
