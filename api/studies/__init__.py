"""Studies in plain words and in numbers, and the documents that their terms name."""
