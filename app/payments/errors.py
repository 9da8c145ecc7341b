"""Why a code is not issued, or not taken at a till."""

from app.base.errors import MaalemError


class NothingDue(MaalemError):  # noqa: N818
    """There is no month to pay."""

    code = "nothing_due"


class CodeMistyped(MaalemError):  # noqa: N818
    """Not twelve digits, or the check digit is wrong: no code was ever like this."""

    code = "code_mistyped"


class CodeUnknown(MaalemError):  # noqa: N818
    """Well formed, but never issued here."""

    code = "code_unknown"


class CodePaid(MaalemError):  # noqa: N818
    """Paid before; `paid_at`, `agent` and `receipt` only where the same agency took it."""

    code = "code_paid"


class CodeExpired(MaalemError):  # noqa: N818
    """Its time is over (`expired_at`): the artisan asks for a new one."""

    code = "code_expired"


class CodeCancelled(MaalemError):  # noqa: N818
    """The artisan cancelled it, or asked for another one (`cancelled_at`)."""

    code = "code_cancelled"


class KeyReused(MaalemError):  # noqa: N818
    """The idempotency key was used for another request."""

    code = "key_reused"
