"""Every byte of a bundle changed, one at a time, and every change found."""
