"""The `assent` command: thin, one module a group of subcommands."""
