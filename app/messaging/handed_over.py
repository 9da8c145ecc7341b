"""Numbers that changed hands: the old holder's wishes, waiting messages and receipts."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import DateTime, bindparam, text

from app.base.operation import Operation


def redirect_receipts(operation: Operation, moved: Mapping[str, str]) -> None:
    """Sends receipts that wait, and shows those that did not arrive, on each holder's new number.

    `moved` has the new number by the old one; two people may have swapped theirs.
    """
    if moved:
        params = {"old": list(moved), "new": list(moved.values())}
        operation.connection.execute(_REDIRECT, params)


def end_messages(operation: Operation, phones: Collection[str]) -> None:
    """Ends what was to be sent to the old holders, and their wishes: STOP, reminders and news.

    An opt-out at a provider stays, because that provider sends nothing there.
    """
    params = {"phones": sorted(phones), "now": operation.now}
    for statement in (_CANCEL, _HIDE_RECEIPTS, _FORGET_WISHES, _END_CONSENTS):
        operation.connection.execute(statement, params)


_NOW = bindparam("now", type_=DateTime(True))
_REDIRECT = text("""
    UPDATE message SET phone = moved.new_phone
    FROM unnest(CAST(:old AS text[]), CAST(:new AS text[])) AS moved (old_phone, new_phone)
    WHERE phone = moved.old_phone AND kind IN ('receipt', 'reversal')
      AND (state = 'queued' OR state = 'failed' AND made_up_at IS NULL)
""")
_CANCEL = text("""
    UPDATE message SET state = 'cancelled', ended_at = :now, error = 'number handed over'
    WHERE phone = ANY(:phones) AND state = 'queued'
""").bindparams(_NOW)
# A receipt that turns out not to have arrived is neither shown there nor sent there again.
_HIDE_RECEIPTS = text("""
    UPDATE message SET made_up_at = :now
    WHERE phone = ANY(:phones) AND kind = 'receipt' AND made_up_at IS NULL
      AND state IN ('sending', 'sent', 'unknown', 'failed')
""").bindparams(_NOW)
_FORGET_WISHES = text("DELETE FROM phone_preference WHERE phone = ANY(:phones)")
_END_CONSENTS = text("""
    INSERT INTO consent
        (phone, subject, given, language, channel, answered_by, wording, recorded_at)
    SELECT newest.phone, newest.subject, false, newest.language, 'ussd',
        'handed over:' || newest.id, 'number handed over', :now
    FROM (SELECT DISTINCT ON (phone, subject) * FROM consent WHERE phone = ANY(:phones)
        ORDER BY phone, subject, id DESC) newest
    WHERE newest.given ON CONFLICT (answered_by) DO NOTHING
""").bindparams(_NOW)
