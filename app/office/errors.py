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


class NotOfScope(MaalemError):
    """The row (`what`) is of another region, network or desk than who acts."""

    code = "not_of_scope"


class NoFactorEnrolled(MaalemError):
    """Production asks a second factor, and `name` has none enrolled."""

    code = "no_factor_enrolled"


class OfficeUserUnknown(MaalemError):
    """The `name` is nobody's who works at the office."""

    code = "office_user_unknown"


class OfficeNameTaken(MaalemError):
    """The name, or one that reads like it, is `name`'s."""

    code = "office_name_taken"


class OfficeSessionOver(MaalemError):
    """The session ended, or its user was dismissed, while something was asked in it."""

    code = "office_session_over"


class FactorEnrolled(MaalemError):
    """An authenticator app is enrolled already: it is removed first."""

    code = "factor_enrolled"


class PasskeyRefused(MaalemError):
    """The passkey's answer is not one to what was asked here, or is enrolled already."""

    code = "passkey_refused"


class TooManyPasskeys(MaalemError):
    """A user has as many passkeys as `most` already."""

    code = "too_many_passkeys"


class IdentityTaken(MaalemError):
    """The identity at the provider is `name`'s."""

    code = "identity_taken"


class IdentityUnknown(MaalemError):
    """The identity at the provider is nobody's here, or of somebody who was dismissed."""

    code = "identity_unknown"


class ProviderAway(MaalemError):
    """The provider of identities does not answer, or not as one; passwords still open."""

    code = "provider_away"
    retryable = True


class ProviderRefused(MaalemError):
    """The provider of identities did not say who it is, or not to this browser's question."""

    code = "provider_refused"


class SamePerson(MaalemError):
    """The person who proposed it cannot approve it: in any spelling (`by`), at one terminal (`at`).

    Nor can who knows the other's first password, or knows both (`gave`).
    """

    code = "same_person"


class ProposerDismissed(MaalemError):
    """The proposer (`by`) was dismissed since: it is proposed anew."""

    code = "proposer_dismissed"


class FormUsed(MaalemError):
    """The form was sent before, and its act is done."""

    code = "form_used"


class NotOneself(MaalemError):
    """A person changes what they themselves may do: another operator does that."""

    code = "not_oneself"
