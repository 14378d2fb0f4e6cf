"""What is held about an address: all of it given out, or erased here and asked of its sites."""
