"""Questions to browsers about passkeys (WebAuthn), and the answers to them.

What is asked is drawn by us, kept in the session and asked once; the site's name and address come
from the settings and never from the request. Its library is read by the first who uses a passkey:
no process waits for it at its start.
"""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from app.audit.service import record_audit
from app.base.operation import Operation
from app.office.errors import PasskeyRefused, TooManyPasskeys
from app.office.models import office_passkey
from app.office.passkeys import Site
from app.office.rules import read_label

MOST = 10
_NAME, _TIMEOUT_MS = "Maalem", 120_000
_LONGEST_ANSWER = 16_384


def ask_new_passkey(connection: Connection, site: Site, name: str, challenge: bytes) -> str:
    """Returns what a browser is asked to make a passkey with, as JSON."""
    known = _list_descriptors(connection, name)
    options = generate_registration_options(
        rp_id=site.host,
        rp_name=_NAME,
        # Says nothing of who it is to whoever reads the device.
        user_id=hashlib.sha256(f"maalem passkey:{name}".encode()).digest(),
        user_name=name,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        exclude_credentials=known,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
    )
    return str(options_to_json(options))


def enrol_passkey(
    operation: Operation, site: Site, name: str, label: str, answer: str, challenge: bytes
) -> None:
    """Keeps the passkey that a browser made.

    Raises: InvalidInput for the label, PasskeyRefused, TooManyPasskeys.
    """
    label = read_label(label)
    made = _verify_new(site, answer, challenge)
    columns = office_passkey.c
    many = select(func.count()).where(columns.name == name)
    if operation.connection.execute(many).scalar_one() >= MOST:
        raise TooManyPasskeys(most=MOST)
    statement = insert(office_passkey).values(
        name=name,
        label=label,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        enrolled_at=operation.now,
    )
    kept = statement.on_conflict_do_nothing().returning(columns.id)
    if operation.connection.execute(kept).scalar() is None:
        raise PasskeyRefused()
    record_audit(operation, "office_factor_enrolled", f"office:{name}", factor="passkey")


def ask_passkey(connection: Connection, site: Site, name: str, challenge: bytes) -> str:
    """Returns what a browser is asked to sign with one of the user's passkeys, as JSON."""
    options = generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        allow_credentials=_list_descriptors(connection, name),
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return str(options_to_json(options))


def use_passkey(operation: Operation, site: Site, name: str, answer: str, challenge: bytes) -> bool:
    """Returns whether one of the user's passkeys signed what was asked; its count goes up."""
    credential = _read_credential_id(answer)
    columns = office_passkey.c
    row = operation.connection.execute(
        select(columns.id, columns.public_key, columns.sign_count)
        .where(columns.name == name, columns.credential_id == credential)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return False
    try:
        used: VerifiedAuthentication = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return False
    operation.connection.execute(
        update(office_passkey)
        .where(columns.id == row.id)
        .values(sign_count=used.new_sign_count, used_at=operation.now)
    )
    return True


def _list_descriptors(connection: Connection, name: str) -> list[PublicKeyCredentialDescriptor]:
    columns = office_passkey.c
    known = select(columns.credential_id).where(columns.name == name).order_by(columns.id)
    ids = connection.execute(known).scalars()
    return [PublicKeyCredentialDescriptor(id=bytes(credential)) for credential in ids]


def _verify_new(site: Site, answer: str, challenge: bytes) -> VerifiedRegistration:
    """Returns what the browser made. Raises: PasskeyRefused."""
    if len(answer) > _LONGEST_ANSWER:
        raise PasskeyRefused()
    try:
        return verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise PasskeyRefused() from None


def _read_credential_id(answer: str) -> bytes:
    """Returns the id of the passkey that an answer names; empty for no answer at all."""
    if len(answer) > _LONGEST_ANSWER:
        return b""
    try:
        return bytes(base64url_to_bytes(json.loads(answer)["rawId"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return b""
