"""Refusals of requests for help: to store one, or to move it on."""

from app.base.errors import MaalemError


class TooManyRequests(MaalemError):
    """The phone has as many waiting requests as one may have."""

    code = "too_many_requests"


class NoSuchRequest(MaalemError):
    """The reference belongs to no request, or to one that is over."""

    code = "no_such_request"
