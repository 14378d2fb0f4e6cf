"""The default twin: what a patient's results do when no model was made for their codes."""
