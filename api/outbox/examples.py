"""Examples for the API's description; the keys are for examples only."""

from __future__ import annotations

from typing import Any

#: A Revocation, signed by an account.
SIGNED_REVOCATION: dict[str, Any] = {
    "schema": "assent-signed-act-1",
    "typed_data": {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Revocation": [{"name": "tokenId", "type": "uint256"}],
        },
        "primaryType": "Revocation",
        "domain": {
            "name": "Assent ConsentToken",
            "version": "1",
            "chainId": 31337,
            "verifyingContract": "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
        },
        "message": {"tokenId": "9038033669515993046029349390327800171356321652319350423552"},
    },
    "signer": "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a",
    "signature": (
        "0xe1e0cdea94442927a0b0d69946bdf1a28cfbe8d0173732f339162a5cc36571a601eff4829d37c1"
        "6a351489dc06ce56bc56eec72492dc1c1f131ac66afc3a98711c"
    ),
}
