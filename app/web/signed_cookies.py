"""The till's cookies: signed with a key of their purpose, whose id stands before the content."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature, Serializer, URLSafeSerializer, URLSafeTimedSerializer

from app.base.keys import Keys, Purpose
from app.settings import Settings
from app.web.mobile_money import BASE


class CookieSigner:
    """Signs the content of a cookie with today's key, and reads what a key still good signed.

    `before` reads cookies of before the keys had ids. `json` writes the content as text.
    """

    def __init__(
        self, keys: Keys, purpose: Purpose, before: Serializer[str], json: Any = None
    ) -> None:
        self._today, self._before = keys.ids[0], before
        self._known = {
            key.id: URLSafeSerializer(key.value, salt=purpose, serializer=json)
            for key in keys.all(purpose)
        }

    def dumps(self, content: object) -> str:
        """Returns the cookie: `id:content.signature`."""
        return f"{self._today}:{self._known[self._today].dumps(content)}"

    def loads(self, cookie: str, max_age: int | None = None) -> Any:
        """Returns the content of a cookie; `max_age` is for the database. Raises: BadSignature."""
        name, mark, signed = cookie.partition(":")
        if not mark:
            return self._before.loads(cookie)
        if name not in self._known:
            raise BadSignature("signed with a key that is not known")
        return self._known[name].loads(signed)

    def is_due(self, cookie: str) -> bool:
        """True if a cookie is to be signed anew: an older key signed it."""
        return not cookie.startswith(f"{self._today}:")


class SignedSessions(SecureCookieSessionInterface):
    """Flask's sessions: one that an older key signed is signed anew with the next answer.

    How long a session lasts is known to the database (app/agents/sessions.py).
    """

    def __init__(self, settings: Settings, keys: Keys) -> None:
        json = TaggedJSONSerializer()
        before = URLSafeTimedSerializer(
            list_secrets(settings),
            salt=self.salt,
            serializer=json,
            signer_kwargs={
                "key_derivation": self.key_derivation,
                "digest_method": self.digest_method,
            },
        )
        self._signer = CookieSigner(keys, Purpose.TILL_SESSION, before, json)

    def get_signing_serializer(self, app: Flask) -> CookieSigner:  # type: ignore[override]
        """Returns what Flask reads and writes the cookie with."""
        return self._signer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Opens no session for gateways and the payments API: they have no cookies."""
        if request.path.startswith(("/ussd/", BASE)):
            return None
        session = super().open_session(app, request)
        if session and self._signer.is_due(request.cookies[self.get_cookie_name(app)]):
            session.modified = True
        return session


def list_secrets(settings: Settings) -> list[str]:
    """Returns the installation's secrets, today's last, as itsdangerous wants them."""
    known = (*reversed(settings.secret_key_old), settings.secret_key)
    return [secret.get_secret_value() for secret in known]
