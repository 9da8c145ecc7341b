"""Checks of those who are told how we work: a collector of traces, a server of faults."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.runtime import Runtime

# To connect, and then to answer.
_SECONDS = (2.0, 3.0)
# An envelope of nothing, as Sentry's protocol has it: it is taken and kept nowhere.
_NO_FAULTS = b'{}\n{"type":"client_report"}\n{"discarded_events":[]}\n'
_MEANINGS = {401: "the key is not known", 403: "the key is not known", 404: "nothing is there"}


def check_traces(maalem: Runtime) -> str:
    """Returns who takes traces; it is sent none, which is a whole request of OTLP."""
    url = maalem.settings.traces_url
    if not url:
        return "sent nowhere: TRACES_URL is not set"
    _ask(url, b"", {"Content-Type": "application/x-protobuf"})
    return f"{_name(url)} takes {maalem.settings.traces_share:.2%} of all calls"


def check_faults(maalem: Runtime) -> str:
    """Returns who takes faults; it is sent none, with our key."""
    dsn = maalem.settings.sentry_dsn.get_secret_value()
    if not dsn:
        return "told nowhere: SENTRY_DSN is not set"
    # Its library is read where it is asked for alone.
    from sentry_sdk.consts import EndpointType
    from sentry_sdk.utils import Dsn

    asked = Dsn(dsn).to_auth("maalem")
    url = asked.get_api_url(EndpointType.ENVELOPE)
    head = {"X-Sentry-Auth": asked.to_header(), "Content-Type": "application/x-sentry-envelope"}
    _ask(url, _NO_FAULTS, head)
    return f"{_name(url)} takes them"


def _ask(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Sends a request. Raises: RuntimeError that says in a few words why it was not taken."""
    # Every web process reads this module, and few of them ask.
    import requests

    try:
        # Its body is not waited for: the status says it.
        answer = requests.post(
            url, body, headers=headers, timeout=_SECONDS, allow_redirects=False, stream=True
        )
    except requests.exceptions.SSLError:
        why = "its certificate is not trusted"
    except requests.exceptions.ConnectionError:
        why = "no connection"
    except requests.exceptions.Timeout:
        why = "no answer in time"
    except requests.exceptions.RequestException as error:
        why = type(error).__name__
    else:
        answer.close()
        if 200 <= answer.status_code < 300:
            return
        meaning = _MEANINGS.get(answer.status_code, "")
        why = f"http {answer.status_code}" + (f", {meaning}" if meaning else "")
    # Raised out here it drags no exception along that knows the key.
    raise RuntimeError(f"{_name(url)}: {why}")


def _name(url: str) -> str:
    """Returns the host and port of an address; a path may hold a key."""
    return urlsplit(url).netloc.rpartition("@")[2]
