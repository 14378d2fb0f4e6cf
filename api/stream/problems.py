"""What can be wrong with a request for the stream."""

from api.problems import ServiceProblem


class TooManyStreams(ServiceProblem):
    code = "too-many-streams"
    status_code_ = 429
    summary = "Too many streams are open"
    why = "Each client may hold only so many streams, and the service only so many in all."
    fix = "Close one that is not needed, or listen to all studies on one stream."


class KindUnknown(ServiceProblem):
    code = "kind-unknown"
    status_code_ = 422
    summary = "There is no such kind of change"
    why = "Changes have fixed kinds, such as `consent.granted`, and groups, such as `consent`."
    fix = "`detail` lists them."
