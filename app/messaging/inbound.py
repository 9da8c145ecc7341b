"""Records messages from phones: each once, with its keyword, without its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.base.operation import Operation
from app.base.rows import read_row
from app.messaging.models import inbound_message
from app.sms.provider import InboundSms

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message from a phone: the SMS, the provider that delivered it, and the keyword in it."""

    provider: str
    sms: InboundSms
    keyword: str | None

    @property
    def key(self) -> str:
        """Names the message; the name is the same if the provider delivers it again."""
        return f"{self.provider}:{self.sms.identity}"


@dataclass(frozen=True, slots=True)
class RecentAnswers:
    """The answers sent to a phone: `account` and `other` within an hour, others within 24 hours.

    `help` are those to messages without a keyword, `day` are all.
    """

    account: int
    other: int
    help: int
    day: int


def store_message(operation: Operation, message: InboundMessage) -> bool:
    """Stores a message from a phone. Returns False if it was delivered before."""
    statement = insert(inbound_message).values(
        provider=message.provider,
        provider_id=message.sms.identity,
        phone=message.sms.sender.e164,
        keyword=message.keyword,
        received_at=operation.now,
    )
    stored = statement.on_conflict_do_nothing().returning(inbound_message.c.provider_id)
    return operation.connection.execute(stored).scalar() is not None


def mark_answered(operation: Operation, message: InboundMessage, *, from_stranger: bool) -> None:
    """Records that a stored message got an answer, and if its phone was no artisan's."""
    columns = inbound_message.c
    stored = (columns.provider == message.provider) & (columns.provider_id == message.sms.identity)
    operation.connection.execute(
        update(inbound_message).where(stored).values(answered=True, from_stranger=from_stranger)
    )


def count_recent_answers(
    operation: Operation, phone: str, account_keywords: tuple[str, ...]
) -> RecentAnswers:
    """Counts the answers to a phone (E.164)."""
    columns = inbound_message.c
    recent = columns.received_at > operation.now - _HOUR
    about_account = columns.keyword.in_(account_keywords)
    counts = select(
        func.count().filter(recent, about_account).label("account"),
        func.count().filter(recent, or_(columns.keyword.is_(None), ~about_account)).label("other"),
        func.count().filter(columns.keyword.is_(None)).label("help"),
        func.count().label("day"),
    ).where(columns.phone == phone, columns.received_at > operation.now - _DAY, columns.answered)
    return read_row(RecentAnswers, operation.connection.execute(counts).one())


def has_answered_strangers(operation: Operation, most: int) -> bool:
    """True if `most` messages of phones that are no artisan's were answered within 24 hours."""
    columns = inbound_message.c
    answers = (
        select(columns.received_at)
        .where(
            columns.answered,
            columns.from_stranger,
            columns.received_at > operation.now - _DAY,
        )
        .limit(most)
    )
    counted = operation.connection.execute(select(func.count()).select_from(answers.subquery()))
    return int(counted.scalar_one()) >= most
