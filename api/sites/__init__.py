"""What a site and a coordinator need to know of themselves: registration, preflight, rounds."""
