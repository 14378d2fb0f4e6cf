"""What an address is to each study: asked of the contracts, never kept in a table of ours."""
