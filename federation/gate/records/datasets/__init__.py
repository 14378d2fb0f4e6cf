"""Public, de-identified datasets, written in the forms that a site's loaders read."""
