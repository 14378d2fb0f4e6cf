"""`assent demo`: a whole study on this machine, on public data, from consent to offline audit."""
