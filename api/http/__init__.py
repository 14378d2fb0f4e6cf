"""What every request passes: identity, limits, headers, errors, conditional answers."""
