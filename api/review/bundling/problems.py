"""What can be wrong with a request for a bundle."""

from __future__ import annotations

from api.problems import ServiceProblem


class BundleNotReady(ServiceProblem):
    code = "bundle-not-ready"
    status_code_ = 409
    summary = "The bundle is not there yet"
    why = "It is gathered and verified by a process of its own, which takes its time."
    fix = "Ask for its state until it is `done`."


class BundleGone(ServiceProblem):
    code = "bundle-gone"
    status_code_ = 410
    summary = "There is no file of this bundle"
    why = "It could not be made, or the time for which files are kept is over."
    fix = "Ask for a new bundle; its state says why an earlier one failed."
