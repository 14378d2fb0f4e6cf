"""The chain's events in the database: followed, resumed, and rolled back when the chain does."""
