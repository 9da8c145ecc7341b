"""Refusals of files and of lost payments; nothing changes then."""

from app.base.errors import MaalemError


class FileUnknown(MaalemError):
    """The `number` is no file's that stands, or nobody asked to withdraw it."""

    code = "file_unknown"


class NoLostPayment(MaalemError):
    """The break (`id`) is not one of a payment that a restore lost, or it has ended."""

    code = "no_lost_payment"
