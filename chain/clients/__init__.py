"""One typed client for each contract: its functions in snake_case, with the message dataclasses."""
