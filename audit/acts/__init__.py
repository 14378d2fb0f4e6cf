"""What each event of the contracts does to a study's history, or why no contract emitted it."""
