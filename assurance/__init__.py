"""What is checked of the contracts beyond their tests."""
