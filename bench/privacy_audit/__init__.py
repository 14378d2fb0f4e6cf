"""An empirical audit of the privacy that is claimed: lower bounds on epsilon from what leaks."""
