"""Why an agent is not let in, and why a list of agencies is not taken."""

from app.base.errors import MaalemError


class WrongPin(MaalemError):
    """Number and PIN do not belong together; the same for an unknown number."""

    code = "wrong_pin"


class AgentLocked(MaalemError):
    """Wrong PINs have locked this door until `until`."""

    code = "agent_locked"
    retryable = True


class OneTimePinOver(MaalemError):
    """The one-time PIN is right and too old: the agency gives another."""

    code = "one_time_pin_over"


class PinNotChosen(MaalemError):
    """A one-time PIN opens nothing but the choice of another."""

    code = "pin_not_chosen"


class PinUnchanged(MaalemError):
    """The new PIN is the one of before."""

    code = "pin_unchanged"


class TooManyLookUps(MaalemError):
    """The agent looked up too many codes today that are nobody's."""

    code = "too_many_look_ups"


class AgentUnknown(MaalemError):
    """An agent of this `number` is not known."""

    code = "agent_unknown"


class AgentBarred(MaalemError):
    """The agent is dismissed or the agency closed: no cash is taken under this `number`."""

    code = "agent_barred"


class SessionOver(MaalemError):
    """All of the agent's sessions were ended meanwhile: a new PIN, a dismissal, a closed agency."""

    code = "session_over"


class PhoneTaken(MaalemError):
    """The phone is another active agent's: it says who dials."""

    code = "phone_taken"


class ClientRefused(MaalemError):
    """A network's system is not let in; `why` is for the log, the caller hears no difference."""

    code = "client_refused"


class AgentNumberTaken(MaalemError):
    """The `number` is an agent's, of this network or another."""

    code = "agent_number_taken"


class AgencyCodeTaken(MaalemError):
    """The `code` is an agency's, of this network or another."""

    code = "agency_code_taken"


class ClientTaken(MaalemError):
    """The client's id (`client`) is taken, in this network or another."""

    code = "client_taken"


class ClientUnknown(MaalemError):
    """The id (`client`) is no client's that may call."""

    code = "client_unknown"
