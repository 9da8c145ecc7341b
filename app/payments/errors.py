"""Refusals to issue a code, to redeem it, or to reverse its deposit."""

from app.base.errors import MaalemError
from app.payments.queries import IssuedCode


class NothingDue(MaalemError):
    """Every month is paid."""

    code = "nothing_due"


class AnotherIsLive(MaalemError):
    """A live code pays other months; only a request that names it replaces it."""

    code = "another_is_live"

    def __init__(self, live: IssuedCode) -> None:
        super().__init__()
        self.live = live


class TermsChanged(MaalemError):
    """A code would have another amount or other months than were agreed: they are asked again."""

    code = "terms_changed"


class CodeMistyped(MaalemError):
    """The code is not twelve digits, or its check digit is wrong."""

    code = "code_mistyped"


class SeveralCodes(MaalemError):
    """A pasted text has two codes or more; nobody guesses which is meant."""

    code = "several_codes"


class CodeUnknown(MaalemError):
    """The code is well formed, but was never issued here."""

    code = "code_unknown"


class CodePaid(MaalemError):
    """The code was paid before: at `paid_at`, with `receipt`.

    The agency that took the cash also gets `agent` and `total`.
    """

    code = "code_paid"


class CodeExpired(MaalemError):
    """The code's time is over (`expired_at`): the artisan asks for a new one."""

    code = "code_expired"


class CodeCancelled(MaalemError):
    """The code was cancelled: the artisan gave it up or replaced it (`cancelled_at`)."""

    code = "code_cancelled"


class CodeReversed(MaalemError):
    """The code was paid and its deposit reversed (`reversed_at`): paying takes a new code."""

    code = "code_reversed"


class UnderPaid(MaalemError):
    """The amount sent is less than the code costs (`due`), or than a single month."""

    code = "under_paid"


class OverPaid(MaalemError):
    """The amount sent is more than the code costs (`due`)."""

    code = "over_paid"


class KeyReused(MaalemError):
    """The idempotency key was used for another request."""

    code = "key_reused"


class OverCodeLimit(MaalemError):
    """The amount is over the agent's limit for one code (`limit`)."""

    code = "over_code_limit"


class OverDayLimit(MaalemError):
    """The amount is over the `rest` of the agent's limit for the day (`limit`)."""

    code = "over_day_limit"


class OverFloatLimit(MaalemError):
    """The amount is over the `rest` of the agency's limit for the day (`limit`)."""

    code = "over_float_limit"


class OverClientLimit(MaalemError):
    """The amount is over the `rest` of the limit of the network's system for the day (`limit`)."""

    code = "over_client_limit"


class ReceiptUnknown(MaalemError):
    """The receipt number belongs to no deposit that may be seen from here."""

    code = "receipt_unknown"


class ReversalTooLate(MaalemError):
    """The deposit's day is over, or CNSS was sent it: two people of the back office decide."""

    code = "reversal_too_late"


class AlreadyReversed(MaalemError):
    """The deposit was reversed before (`reversed_at`)."""

    code = "already_reversed"


class AlreadyPosted(MaalemError):
    """CNSS has credited the deposit: only CNSS can give the money back."""

    code = "already_posted"


class ReversalNotAlone(MaalemError):
    """An agent may not reverse alone (`minutes` are over, or another agent took the cash)."""

    code = "reversal_not_alone"


class OverReversalLimit(MaalemError):
    """The agent reversed as many deposits today as one agent may (`most`)."""

    code = "over_reversal_limit"


class SecondAgentRefused(MaalemError):
    """Number and PIN are not those of another agent of the agency; the same for every cause."""

    code = "second_agent_refused"


class ReversalCodeWrong(MaalemError):
    """The code that the artisan read out is wrong, old, used, or was tried too often."""

    code = "reversal_code_wrong"


class NoPhoneForCode(MaalemError):
    """The artisan has no phone that can get the code of a reversal."""

    code = "no_phone_for_code"


class TooManyCodes(MaalemError):
    """The deposit had as many codes sent as may be."""

    code = "too_many_codes"


class PayerUnknown(MaalemError):
    """A number typed at the till is neither a code nor any artisan's."""

    code = "payer_unknown"


class TooManyPayers(MaalemError):
    """The agent, or the agency, looked up too many people today who did not pay."""

    code = "too_many_payers"


class AmountFitsNoMonths(MaalemError):
    """The `amount` is not what the oldest months that the artisan owes come to."""

    code = "amount_fits_no_months"


class CodeKnown(MaalemError):
    """The books have the code: it is nobody's to write."""

    code = "code_known"
