"""Why the help desk cannot do what was asked."""

from app.base.errors import MaalemError


class PersonUnknown(MaalemError):
    """The number (`id`) is no person's."""

    code = "person_unknown"


class PhoneNotTied(MaalemError):
    """The phone is not tied to the person, or is the register's own, which the register changes."""

    code = "phone_not_tied"


class NoPinToReset(MaalemError):
    """The person has no PIN."""

    code = "no_pin_to_reset"


class NotOneDouble(MaalemError):
    """The two records cannot become one; `why` says what stands in the way."""

    code = "not_one_double"


class TooManyDates(MaalemError):
    """The officer typed as many wrong birth dates today as one may."""

    code = "too_many_dates"


class TooManyPresences(MaalemError):
    """The officer opened as many files today as one may (`most`)."""

    code = "too_many_presences"


class NotForgettable(MaalemError):
    """Something of the person is under way; `why` says what."""

    code = "not_forgettable"
