"""How fast a site's step is: per-patient meta-gradients, clipped and summed, beside its peers."""
