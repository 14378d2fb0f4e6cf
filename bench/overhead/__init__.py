"""What being audited costs: the product's own rounds beside the same learning in plain Flower."""
