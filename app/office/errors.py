"""Why somebody of the office is not let in, or may not act."""

from app.base.errors import MaalemError


class SignInRefused(MaalemError):
    """Name (`by`) and secret do not belong together; the same for an unknown or dismissed name."""

    code = "sign_in_refused"


class SignInPaused(MaalemError):
    """Wrong secrets of `by` were too many: wait until `until`."""

    code = "sign_in_paused"
    retryable = True


class PasswordToChange(MaalemError):
    """The password is the one-time one: `name` chooses another before acting."""

    code = "password_to_change"


class RoleMayNotAct(MaalemError):
    """The `role` looks and does not act, or not on this."""

    code = "role_may_not_act"


class OfficeUserUnknown(MaalemError):
    """The `name` is nobody's who works at the office."""

    code = "office_user_unknown"


class OfficeNameTaken(MaalemError):
    """The name, or one that reads like it, is `name`'s."""

    code = "office_name_taken"


class SamePerson(MaalemError):
    """The person who proposed it cannot approve it: in any spelling (`by`), at one terminal (`at`).

    Nor can who knows the other's first password, or knows both (`gave`).
    """

    code = "same_person"


class ProposerDismissed(MaalemError):
    """The proposer (`by`) was dismissed since: it is proposed anew."""

    code = "proposer_dismissed"
