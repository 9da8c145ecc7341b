"""Refusals of identification and PINs. No refusal tells if a number exists."""

from app.base.errors import MaalemError


class NotRecognised(MaalemError):
    """RNA number and birth date do not belong together."""

    code = "not_recognised"


class IdentificationPaused(MaalemError):
    """The phone has used up its three tries of today."""

    code = "identification_paused"
    retryable = True


class WrongPinTyped(MaalemError):
    """The typed PIN is not this artisan's."""

    code = "wrong_pin"


class PinPaused(MaalemError):
    """Three wrong PINs were typed; the next try is possible after `until`."""

    code = "pin_paused"
    retryable = True


class ResetCodeUnknown(MaalemError):
    """The one-time code is wrong, too old or used up."""

    code = "reset_code_unknown"


class NoRegisterPhone(MaalemError):
    """The register has no phone of this artisan: a desk or an agent proves who it is."""

    code = "no_register_phone"


class TieCodeUnknown(MaalemError):
    """The one-time code that proves a phone is wrong, too old or used up."""

    code = "tie_code_unknown"


class TooManyNew(MaalemError):
    """An import would create more new people than the share that needs a yes."""

    code = "too_many_new"


class ImportUnknown(MaalemError):
    """The number is no import's."""

    code = "import_unknown"


class ImportUndone(MaalemError):
    """The import was undone before."""

    code = "import_undone"


class ImportForgotten(MaalemError):
    """The import is too old: what people were before it is not kept any more."""

    code = "import_forgotten"


class ImportBuiltOn(MaalemError):
    """Something was built on the import; `built` names it."""

    code = "import_built_on"
