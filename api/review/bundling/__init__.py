"""Evidence bundles: gathered, verified and packed by a process of their own, then downloaded."""
