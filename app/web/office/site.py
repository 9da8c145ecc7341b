"""The site's own address, to which passkeys and the provider of identities are tied."""

from __future__ import annotations

from flask import request

from app.office.passkeys import Site
from app.runtime import runtime


def find_site() -> Site:
    """Returns the site: PUBLIC_URL, in development the address at which this one was asked."""
    settings = runtime().settings
    if settings.public_url or settings.production:
        return Site(settings.public_url)
    return Site(request.host_url)
