"""Why an agent is not let in."""

from app.base.errors import MaalemError


class WrongPin(MaalemError):  # noqa: N818
    """Number and PIN do not belong together; the same for an unknown number."""

    code = "wrong_pin"


class AgentLocked(MaalemError):  # noqa: N818
    """Five wrong PINs: wait until `until`."""

    code = "agent_locked"
    retryable = True
