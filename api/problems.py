"""Errors as the service tells them: RFC 9457 problem details with stable codes.

Every class below `ServiceProblem` is one entry of the error catalogue (docs/errors.md): its code,
its title, why it comes and what to do. Features keep theirs in their own `problems` module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from rfc9457 import Problem

from chain.errors import ContractRefused, refusals

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class ServiceProblem(Problem):
    """Base of every problem of ours. `detail` says what was wrong with this very request."""

    code: ClassVar[str] = "defect"
    status_code_: ClassVar[int] = 500
    summary: ClassVar[str] = "A defect of the service"
    why: ClassVar[str] = "Something happened that the service did not expect."
    fix: ClassVar[str] = "Try again later; if it stays, tell the operator the request id."

    def __init__(
        self, detail: str | None = None, headers: dict[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(
            title=self.summary,
            type_=self.code,
            detail=detail,
            status=self.status_code_,
            headers=headers,
            code=self.code,
            fix=self.fix,
            **members,
        )


class NotFound(ServiceProblem):
    code = "not-found"
    status_code_ = 404
    summary = "There is no such thing, or it is not yours to see"
    why = "What is another person's is answered as what does not exist."
    fix = (
        "Check the address (`/openapi.json` lists all operations, none with a slash at its end),"
        " and with which account you are signed in."
    )


class MethodNotServed(ServiceProblem):
    code = "method-not-served"
    status_code_ = 405
    summary = "This address does not take that method"
    why = "Each operation has one method, and HEAD and OPTIONS are no operations."
    fix = "`/openapi.json` lists every operation with its method."


class BodyUnreadable(ServiceProblem):
    code = "body-unreadable"
    status_code_ = 400
    summary = "The request's body cannot be read"
    why = "It is not UTF-8, nested too deeply, or was cut off on its way."
    fix = "Send JSON in UTF-8, with `Content-Type: application/json`."


class RequestInvalid(ServiceProblem):
    code = "request-invalid"
    status_code_ = 422
    summary = "The request does not have the form that the operation takes"
    why = "A member is missing, unknown or of the wrong type."
    fix = (
        "`errors` names each member; `/openapi.json` shows an example of the operation. A body"
        " needs `Content-Type: application/json`."
    )


class BodyTooLarge(ServiceProblem):
    code = "body-too-large"
    status_code_ = 413
    summary = "The request's body is too long"
    why = "The service reads only so many bytes of a request."
    fix = "Send what the operation asks for and no more."


class TooManyRequests(ServiceProblem):
    code = "too-many-requests"
    status_code_ = 429
    summary = "Too many requests"
    why = "Each client may send only so many requests a minute."
    fix = "Wait as long as `Retry-After` says. The contract itself has no such limit."


class ChainAway(ServiceProblem):
    code = "chain-unreachable"
    status_code_ = 503
    summary = "The chain's node does not answer"
    why = "The service shows nothing that it cannot ask the chain."
    fix = "Try again after `Retry-After`; what you have submitted before is kept and will be sent."


class ChainMismatch(ServiceProblem):
    code = "chain-mismatch"
    status_code_ = 503
    summary = "The node's chain or contracts are not those of this service"
    why = "They differ from its deployment file, or are not for this release of Assent."
    fix = "Nothing was accepted, and waiting does not help: `detail` tells the operator what to do."


class IpfsAway(ServiceProblem):
    code = "ipfs-unreachable"
    status_code_ = 503
    summary = "The IPFS node does not answer"
    why = "Documents and checkpoints are read from IPFS, by their hash."
    fix = "Try again after `Retry-After`, or fetch the document by its CID from any IPFS node."


class DocumentsNotServed(ServiceProblem):
    code = "documents-not-served"
    status_code_ = 503
    summary = "This service has no IPFS node"
    why = "Documents are read from IPFS by their hash, and the operator has named no node."
    fix = (
        "Fetch the document by its CID from any IPFS node; the study's terms name its hash."
        " Reviewers can use `assent irb show` with a node of their own."
    )


class DatabaseAway(ServiceProblem):
    code = "database-unreachable"
    status_code_ = 503
    summary = "The service's database does not answer"
    why = "Nothing is accepted that could not be kept."
    fix = "Try again after `Retry-After`; a revocation can also go to the contract directly."


class ContractRefuses(ServiceProblem):
    code = "contract-refuses"
    status_code_ = 409
    summary = "The contract would refuse this"
    why = "The act was tried against the chain as it stands. `refusal` names the contract's error."
    fix = "`detail` says what the contract asks for."


def problem_of_refusal(error: ContractRefused) -> ContractRefuses:
    """A contract's custom error as a problem; `refusal` is its name in kebab case."""
    return ContractRefuses(str(error), refusal=refusal_code(type(error)))


def refusal_code(refusal: type[ContractRefused]) -> str:
    """E.g. `consent-record-has-token` of ConsentRecordHasToken."""
    return _CAPITAL.sub("-", refusal.__name__).lower()


def catalogue() -> list[type[ServiceProblem]]:
    """Every problem that any imported module defines, by code."""

    def below(kind: type[ServiceProblem]) -> Iterator[type[ServiceProblem]]:
        yield kind
        for one in kind.__subclasses__():
            yield from below(one)

    return sorted(set(below(ServiceProblem)), key=lambda kind: kind.code)


def refusal_codes() -> dict[str, str]:
    """Every contract error's code and what it says."""
    return {refusal_code(one): one.says for one in refusals()}
