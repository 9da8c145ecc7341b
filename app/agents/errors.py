"""Why an agent is not let in, and why a list of agencies is not taken."""

from app.base.errors import MaalemError


class WrongPin(MaalemError):
    """Number and PIN do not belong together; the same for an unknown number."""

    code = "wrong_pin"


class AgentLocked(MaalemError):
    """Five wrong PINs: wait until `until`."""

    code = "agent_locked"
    retryable = True


class PhoneTaken(MaalemError):
    """The phone is another active agent's: it says who dials."""

    code = "phone_taken"


class AgenciesRefused(MaalemError):
    """The whole file is unusable and nothing was applied; `line` and `why` say where."""

    code = "agencies_refused"


class ClientRefused(MaalemError):
    """A network's system is not let in; `why` is for the log, the caller hears no difference."""

    code = "client_refused"
