"""What passkeys give, as `PublicKeyCredential.toJSON()` writes it (WebAuthn level 3, 5.1)."""

# ruff: noqa: N815 - the names are the standard's.

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_ID = "hN3dhRCVn2Aw"
_CLIENT_DATA = "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0"

_BASE64URL = r"^[A-Za-z0-9_-]+$"
_Text = Annotated[str, Field(max_length=16_384, pattern=_BASE64URL)]
# 1023 bytes at most.
_CredentialId = Annotated[str, Field(max_length=1364, pattern=_BASE64URL)]


class _Credential(BaseModel):
    # Browsers add members as the standard grows; what is not read is dropped.
    id: _CredentialId
    rawId: _CredentialId
    type: Literal["public-key"]


class AttestationResponse(BaseModel):
    """`AuthenticatorAttestationResponseJSON`, as far as it is read."""

    clientDataJSON: _Text
    attestationObject: _Text


class Registration(_Credential):
    """`RegistrationResponseJSON`: a new passkey."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _ID,
                    "rawId": _ID,
                    "type": "public-key",
                    "response": {
                        "clientDataJSON": _CLIENT_DATA,
                        "attestationObject": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YQ",
                    },
                }
            ]
        }
    )

    response: AttestationResponse


class AssertionResponse(BaseModel):
    """`AuthenticatorAssertionResponseJSON`, as far as it is read."""

    clientDataJSON: _Text
    authenticatorData: _Text
    signature: _Text
    userHandle: _Text | None = None


class Authentication(_Credential):
    """`AuthenticationResponseJSON`: a passkey's answer to a sign-in's challenge."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _ID,
                    "rawId": _ID,
                    "type": "public-key",
                    "response": {
                        "clientDataJSON": _CLIENT_DATA,
                        "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ",
                        "signature": "MEUCIQDx",
                    },
                }
            ]
        }
    )

    response: AssertionResponse


class Options(BaseModel):
    """`public_key` is what the browser's `parse...OptionsFromJSON` takes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "public_key": {
                        "rpId": "consent.example.org",
                        "challenge": "YXNzZW50IHNpZ24taW4K" + "Dw" * 21 + "8",
                        "timeout": 300000,
                        "userVerification": "required",
                        "allowCredentials": [],
                    }
                }
            ]
        }
    )

    public_key: dict[str, Any]


class Passkey(BaseModel):
    """A registered passkey: its holder's address and ERC-7913 signer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "credential_id": _ID,
                    "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                    "signer": "0x" + "5a" * 84,
                }
            ]
        }
    )

    credential_id: str
    address: str
    signer: str
