"""Why help cannot be asked for or a request moved on."""

from app.base.errors import MaalemError


class TooManyRequests(MaalemError):
    """The phone has as many waiting requests as one may have."""

    code = "too_many_requests"


class NoSuchRequest(MaalemError):
    """No request of that reference, or it is over."""

    code = "no_such_request"
