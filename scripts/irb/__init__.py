"""The `assent irb` commands: what an ethics reviewer reads, signs and stops."""
