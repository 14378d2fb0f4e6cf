"""Receipts: kept as sites encrypted them, for keys that holders named."""
