"""A provider of identities (OpenID Connect Core 1.0): another organisation says who somebody is.

The code flow with PKCE (S256), state and nonce. Of the answer everything is checked: signature,
issuer, audience, times, nonce. The provider's documents are kept for ten minutes; while it is away
it is asked again every half minute only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any

import requests
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from app.base.clock import Clock
from app.office.attempts import ProviderAttempt
from app.office.errors import ProviderAway, ProviderRefused

# Seconds to connect, and to wait for an answer: a slow provider holds no place of the office long.
_TIMEOUT = (2.0, 3.0)
_KEPT_SECONDS, _AWAY_SECONDS = 600.0, 30.0
_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
_LEEWAY_SECONDS = 60
_WRONG = (JoseError, ValueError, TypeError)
_log = structlog.get_logger("office")


@dataclass(frozen=True, slots=True)
class ProvenIdentity:
    """The subject that the provider names, and whether a second factor was proven there."""

    subject: str
    second_factor: bool


class IdentityProvider:
    """The provider of identities that the settings name."""

    def __init__(
        self, issuer: str, client: tuple[str, SecretStr], factor_acr: Sequence[str], clock: Clock
    ) -> None:
        self.issuer = issuer
        self._client_id, self._secret = client
        self._factor_acr, self._clock = frozenset(factor_acr), clock
        self._lock = Lock()
        self._documents: tuple[Mapping[str, Any], KeySet] | None = None
        self._good_until = self._away_until = 0.0

    def write_request(self, attempt: ProviderAttempt, back: str) -> str:
        """Returns the address at the provider to which the browser goes. Raises: ProviderAway."""
        metadata, _ = self._read_documents()
        with self._open(back) as session:
            address, _ = session.create_authorization_url(
                metadata["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(address)

    def read_identity(self, attempt: ProviderAttempt, back: str, code: str) -> ProvenIdentity:
        """Exchanges the code that the browser brought for what the provider says.

        Raises: ProviderAway, ProviderRefused.
        """
        metadata, keys = self._read_documents()
        token = self._exchange(metadata, attempt, back, code)
        try:
            claims = self._check(token, keys, attempt.nonce)
        except _WRONG:
            # The provider may sign with a newer key than the one we know.
            metadata, keys = self._read_documents(anew=True)
            try:
                claims = self._check(token, keys, attempt.nonce)
            except _WRONG as error:
                _log.warning("identity_refused", why=type(error).__name__)
                raise ProviderRefused() from None
        methods = claims.get("amr") or ()
        proven = isinstance(methods, list) and "mfa" in methods
        return ProvenIdentity(str(claims["sub"]), proven or claims.get("acr") in self._factor_acr)

    def _exchange(
        self, metadata: Mapping[str, Any], attempt: ProviderAttempt, back: str, code: str
    ) -> str:
        with self._open(back) as session:
            try:
                answer = session.fetch_token(
                    metadata["token_endpoint"],
                    code=code,
                    code_verifier=attempt.verifier,
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                )
            except (requests.ConnectionError, requests.Timeout) as error:
                raise self._note_away(error) from None
            except requests.HTTPError as error:
                raise self._note_away(error) from None
            except (AuthlibBaseError, requests.RequestException, ValueError) as error:
                _log.warning("identity_refused", why=type(error).__name__)
                raise ProviderRefused() from None
        return str(answer.get("id_token") or "")

    def _check(self, token: str, keys: KeySet, nonce: str) -> dict[str, Any]:
        """Returns the claims of an identity token. Raises: JoseError."""
        decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock().timestamp()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(decoded.claims)
        claims: dict[str, Any] = decoded.claims
        audience = claims["aud"]
        # For several parties at once, it has to say that it was made for us.
        if (isinstance(audience, list) and len(audience) > 1) or "azp" in claims:
            jwt.JWTClaimsRegistry(azp={"essential": True, "value": self._client_id}).validate(
                claims
            )
        return claims

    def _read_documents(self, *, anew: bool = False) -> tuple[Mapping[str, Any], KeySet]:
        """Returns the provider's metadata and keys. Raises: ProviderAway."""
        with self._lock:
            now = monotonic()
            if self._documents and now < self._good_until and not anew:
                return self._documents
            if now < self._away_until:
                raise ProviderAway()
            try:
                metadata = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                if metadata["issuer"] != self.issuer:
                    raise ValueError("metadata of another issuer")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    if self.issuer.startswith("https://") and not metadata[name].startswith(
                        "https://"
                    ):
                        raise ValueError(f"{name} is not https")
                keys = KeySet.import_key_set(self._get(metadata["jwks_uri"]))
            except (requests.RequestException, JoseError, ValueError, KeyError, TypeError) as error:
                raise self._note_away(error) from None
            self._documents, self._good_until = (metadata, keys), now + _KEPT_SECONDS
            return self._documents

    def _get(self, address: str) -> Any:
        answer = requests.get(address, timeout=_TIMEOUT, headers={"Accept": "application/json"})
        answer.raise_for_status()
        return answer.json()

    def _note_away(self, error: Exception) -> ProviderAway:
        _log.error("identity_provider_away", issuer=self.issuer, why=type(error).__name__)
        self._away_until = monotonic() + _AWAY_SECONDS
        return ProviderAway()

    def _open(self, back: str) -> Any:
        return OAuth2Session(
            self._client_id,
            self._secret.get_secret_value(),
            scope="openid",
            redirect_uri=back,
            code_challenge_method="S256",
        )
