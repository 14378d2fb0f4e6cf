"""A whole federation on this machine: its folders, people and processes."""
