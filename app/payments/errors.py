"""Why a code is not issued, or not taken at a till."""

from app.base.errors import MaalemError
from app.payments.queries import IssuedCode


class NothingDue(MaalemError):
    """There is no month to pay."""

    code = "nothing_due"


class AnotherIsLive(MaalemError):
    """A live code pays other months; it is replaced only by who has seen it."""

    code = "another_is_live"

    def __init__(self, live: IssuedCode) -> None:
        super().__init__()
        self.live = live


class CodeMistyped(MaalemError):
    """Not twelve digits, or the check digit is wrong: no code was ever like this."""

    code = "code_mistyped"


class CodeUnknown(MaalemError):
    """Well formed, but never issued here."""

    code = "code_unknown"


class CodePaid(MaalemError):
    """Paid before; who took what (`paid_at`, `agent`, `receipt`, `total`) only to its agency."""

    code = "code_paid"


class CodeExpired(MaalemError):
    """Its time is over (`expired_at`): the artisan asks for a new one."""

    code = "code_expired"


class CodeCancelled(MaalemError):
    """The artisan cancelled it, or asked for another one (`cancelled_at`)."""

    code = "code_cancelled"


class CodeReversed(MaalemError):
    """It was paid and the cash given back (`reversed_at`): the artisan asks for a new one."""

    code = "code_reversed"


class UnderPaid(MaalemError):
    """Less was sent than the code costs (`due`), or too little for a single month."""

    code = "under_paid"


class OverPaid(MaalemError):
    """More was sent than the code costs (`due`)."""

    code = "over_paid"


class KeyReused(MaalemError):
    """The idempotency key was used for another request."""

    code = "key_reused"


class OverCodeLimit(MaalemError):
    """The agent may not take so much for one code (`limit`)."""

    code = "over_code_limit"


class OverDayLimit(MaalemError):
    """It is more than the `rest` of what the agent may take today (`limit`)."""

    code = "over_day_limit"


class OverFloatLimit(MaalemError):
    """It is more than the `rest` of what the agency may take today (`limit`)."""

    code = "over_float_limit"


class OverClientLimit(MaalemError):
    """It is more than the `rest` of what the network's system may send today (`limit`)."""

    code = "over_client_limit"


class ReceiptUnknown(MaalemError):
    """No deposit of that number, or not one that the asker may see."""

    code = "receipt_unknown"


class ReversalTooLate(MaalemError):
    """The day of the deposit is over, or CNSS was told: two people of the back office decide."""

    code = "reversal_too_late"


class AlreadyReversed(MaalemError):
    """The deposit was undone before (`reversed_at`)."""

    code = "already_reversed"


class AlreadyPosted(MaalemError):
    """CNSS has credited it: what it gives back is CNSS's to decide."""

    code = "already_posted"
