"""The service: consent and audit over HTTP. A convenience over the chain, never an authority."""
