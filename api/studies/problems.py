"""What can be wrong with a request for a study or a document."""

from api.problems import ServiceProblem


class DocumentAbsent(ServiceProblem):
    code = "document-absent"
    status_code_ = 404
    summary = "The document is not stored here"
    why = "The terms name it by its hash, but the service's IPFS node does not hold it."
    fix = "Fetch it by `cid` from another IPFS node, or ask the sponsor to publish it again."


class LanguageAbsent(ServiceProblem):
    code = "language-absent"
    status_code_ = 404
    summary = "The consent text is not there in that language"
    why = "The approved document has texts in other languages."
    fix = "`languages` lists them; a patient must be shown one of these, word for word."
