"""Sign-in: Ethereum accounts and passkeys, sessions of people, access tokens of programs."""
