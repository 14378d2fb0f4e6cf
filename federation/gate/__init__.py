"""What a hospital installs and no coordinator can change: gate, keys, records, fork server."""
