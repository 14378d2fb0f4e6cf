"""What people read, sign and look up of a study: terms and grants in words, documents, views."""
