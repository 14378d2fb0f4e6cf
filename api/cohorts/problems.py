"""What can be wrong with a request for a cohort."""

from api.problems import ServiceProblem


class BlockGone(ServiceProblem):
    code = "cohort-block-gone"
    status_code_ = 409
    summary = "The chain no longer has the block that this list is of"
    why = "The chain was reorganised between two pages."
    fix = "Begin again without `after`."
