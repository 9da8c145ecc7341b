"""The hosts at which a network's system may be called back: agreed, and kept with its client."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address

import idna
from sqlalchemy import select, update

from app.agents.models import api_client
from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.operation import Operation

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*{_LABEL}")
_NO_NAME = re.compile(r"[0-9.]+|0x[0-9a-f]*", re.ASCII)


def read_host(text: str) -> str:
    """Returns a host as its client's addresses have it: in small letters, an IDN in its ASCII form.

    Raises: InvalidInput for what is neither a whole name nor an IP address in its usual writing.
    """
    written = text.strip().lower().removesuffix(".")
    try:
        return str(ip_address(written.strip("[]")))
    except ValueError:
        pass
    try:
        name = written if written.isascii() else idna.encode(written, uts46=True).decode()
    except idna.IDNAError:
        name = ""
    if not is_host_name(name) or "." not in name or _NO_NAME.fullmatch(name.rsplit(".")[-1]):
        raise InvalidInput(what="callback host", why=f"{text!r} is no host's whole name") from None
    return name


def is_host_name(name: str) -> bool:
    """Returns whether a name in small letters can be a host's."""
    return _NAME.fullmatch(name) is not None


def change_callback_hosts(operation: Operation, identity: str, hosts: Sequence[str]) -> bool:
    """Sets the hosts at which a client may be called back; none: it is not called back.

    What waits to be delivered to another host is not sent there any more. Returns False if no such
    client may call. Raises: InvalidInput.
    """
    columns, names = api_client.c, [read_host(host) for host in hosts]
    before = operation.connection.execute(
        select(columns.callback_hosts)
        .where(columns.id == identity, columns.revoked_at.is_(None))
        .with_for_update(key_share=True)
    ).one_or_none()
    if before is None:
        return False
    operation.connection.execute(
        update(api_client).where(columns.id == identity).values(callback_hosts=names)
    )
    told = {"hosts": names, "before": before.callback_hosts}
    record_audit(operation, "client_callback_hosts_set", f"client:{identity}", **told)
    return True
