"""Why a code is not issued, or not taken at a till."""

from app.base.errors import MaalemError
from app.payments.queries import IssuedCode


class NothingDue(MaalemError):  # noqa: N818
    """There is no month to pay."""

    code = "nothing_due"


class AnotherIsLive(MaalemError):  # noqa: N818
    """A live code pays other months; it is replaced only by who has seen it."""

    code = "another_is_live"

    def __init__(self, live: IssuedCode) -> None:
        super().__init__()
        self.live = live


class CodeMistyped(MaalemError):  # noqa: N818
    """Not twelve digits, or the check digit is wrong: no code was ever like this."""

    code = "code_mistyped"


class CodeUnknown(MaalemError):  # noqa: N818
    """Well formed, but never issued here."""

    code = "code_unknown"


class CodePaid(MaalemError):  # noqa: N818
    """Paid before; who took what (`paid_at`, `agent`, `receipt`, `total`) only to its agency."""

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


class OverCodeLimit(MaalemError):  # noqa: N818
    """The agent may not take so much for one code (`limit`)."""

    code = "over_code_limit"


class OverDayLimit(MaalemError):  # noqa: N818
    """It is more than the `rest` of what the agent may take today (`limit`)."""

    code = "over_day_limit"


class OverFloatLimit(MaalemError):  # noqa: N818
    """It is more than the `rest` of what the agency may take today (`limit`)."""

    code = "over_float_limit"
