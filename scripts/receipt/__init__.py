"""`assent receipt`: what whoever holds a receipt can check."""
