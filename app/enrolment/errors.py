"""How identifying oneself can fail. None of them says whether the number exists."""

from app.base.errors import MaalemError


class NotRecognised(MaalemError):
    """RNA number and birth date do not belong together; `left` tries remain today."""

    code = "not_recognised"


class IdentificationPaused(MaalemError):
    """Three wrong tries today from this phone: again tomorrow."""

    code = "identification_paused"
    retryable = True


class WrongPinTyped(MaalemError):
    """Not the PIN of this artisan."""

    code = "wrong_pin"


class PinPaused(MaalemError):
    """Three wrong PINs: again after `until`."""

    code = "pin_paused"
    retryable = True


class ResetCodeUnknown(MaalemError):
    """The one-time code is wrong, too old or used up."""

    code = "reset_code_unknown"
