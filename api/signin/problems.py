"""What a sign-in, a session or an access token can be refused for."""

from __future__ import annotations

from api.problems import ServiceProblem


class NotSignedIn(ServiceProblem):
    code = "not-signed-in"
    status_code_ = 401
    summary = "You are not signed in"
    why = "There is no session or access token, or it has expired or been revoked."
    fix = "Sign in with an account or a passkey, or send `Authorization: Bearer` with a live token."


class ScopeMissing(ServiceProblem):
    code = "scope-missing"
    status_code_ = 403
    summary = "The access token may not be used for this"
    why = "An access token can do only what its scopes name."
    fix = "Sign in and make an access token that has the scope in `detail`."


class SessionNeeded(ServiceProblem):
    code = "session-needed"
    status_code_ = 403
    summary = "Only a person who is signed in may do this"
    why = (
        "Access tokens and sessions are managed from a session, so that no token can make another."
    )
    fix = "Sign in with an account or a passkey and send the session's cookie."


class OriginRefused(ServiceProblem):
    code = "origin-refused"
    status_code_ = 403
    summary = "The request does not come from a page of this service"
    why = "A change made with a cookie must name the page that asks for it, in `Origin`."
    fix = "Send it from a page of the service's own origin, or use an access token."


class SignInMessageInvalid(ServiceProblem):
    code = "sign-in-message-invalid"
    status_code_ = 422
    summary = "The message is not one of Sign-In with Ethereum"
    why = "It cannot be read as ERC-4361 prescribes, or would be written differently."
    fix = "Let a library write the message (`createSiweMessage` of viem), and sign just that text."


class SignInMismatch(ServiceProblem):
    code = "sign-in-mismatch"
    status_code_ = 403
    summary = "The sign-in is for something else than this service"
    why = "Whoever signs a message for one service must not be signed in at another with it."
    fix = "`detail` names the member and what it must be. Never sign what another page has written."


class SignInOutOfTime(ServiceProblem):
    code = "sign-in-out-of-time"
    status_code_ = 403
    summary = "The sign-in message does not hold now"
    why = "It has expired, is not valid yet, or was issued too long ago or in the future."
    fix = "Set the clock of your device, ask for a new nonce and sign a new message."


class NonceUnknown(ServiceProblem):
    code = "nonce-unknown"
    status_code_ = 403
    summary = "The nonce was not given out, has been used, or has expired"
    why = "Every sign-in answers a nonce of its own, once and soon."
    fix = "Ask for a new nonce and sign in with that."


class SignatureWrong(ServiceProblem):
    code = "sign-in-signature-wrong"
    status_code_ = 403
    summary = "The signature is not one of the account that the message names"
    why = "It was made by another key, or the message was changed afterwards."
    fix = (
        "Sign the message as it is, with the account that it names; a guardian account with its"
        " acting key, and the account's address in the message."
    )


class PasskeysNeedName(ServiceProblem):
    code = "passkeys-need-name"
    status_code_ = 409
    summary = "Passkeys do not work at this address"
    why = "A passkey belongs to a host's name; browsers make none for a bare IP address."
    fix = "Reach the service by a name, `http://localhost` on one's own machine (`public_url`)."


class PasskeyRefused(ServiceProblem):
    code = "passkey-refused"
    status_code_ = 403
    summary = "The passkey's answer is not one to this service's question"
    why = "Another origin, key or question, no verified user, or a counter that went back."
    fix = "Ask for new options, and give the browser's answer (`toJSON()`) unchanged."


class PasskeyUnknown(ServiceProblem):
    code = "passkey-unknown"
    status_code_ = 403
    summary = "The passkey is not known here"
    why = "It was never registered at this service, or what was kept of it has been erased."
    fix = "Register it first, or make a new one."


class PasskeyTaken(ServiceProblem):
    code = "passkey-taken"
    status_code_ = 409
    summary = "The passkey is registered already"
    why = "A credential's id stands for one public key and is never given another."
    fix = "Sign in with it."
