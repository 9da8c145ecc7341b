"""Gives one claimed message to its provider, and decides what the message needs next.

Speaks to providers alone, never to the database: it may run in any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from app.base.clock import Clock
from app.base.spans import span
from app.messaging.models import ANSWER
from app.messaging.outbox import ClaimedMessage
from app.messaging.retries import (
    Disposition,
    decide_after_acceptance,
    decide_after_no_answer,
    decide_after_refusal,
    decide_after_silence,
)
from app.sms.provider import DeliveryUnknown, OutgoingSms, Provider, SendRefused


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """A message, its disposition, and the provider's refusal or silence if there was one."""

    message: ClaimedMessage
    disposition: Disposition
    failure: SendRefused | DeliveryUnknown | None = None

    @property
    def provider(self) -> str:
        return self.message.attempt.provider


@dataclass(frozen=True, slots=True)
class Delivery:
    """The providers by name; safe to use from many threads at once."""

    providers: Mapping[str, Provider]
    clock: Clock
    random: Random

    def deliver(self, message: ClaimedMessage) -> DeliveryResult:
        """Sends the message; one that may be sent already is asked about first."""
        if not message.maybe_sent:
            return self._send(message)
        if self._provider_of(message).can_be_asked:
            return self._find_or_send(message)
        if message.attempt.priority != ANSWER:
            return DeliveryResult(message, Disposition("unknown", error="a worker died with it"))
        # A receipt or a code twice is harmless, one that never comes is not: sent, and counted.
        result = self._send(message)
        resent = result.disposition.resent + 1
        return replace(result, disposition=replace(result.disposition, resent=resent))

    def fail(self, message: ClaimedMessage, error: Exception) -> DeliveryResult:
        """Returns the result of an attempt that broke here: the provider may have the message."""
        return self._after_silence(message, DeliveryUnknown(type(error).__name__))

    def _find_or_send(self, message: ClaimedMessage) -> DeliveryResult:
        """Sends only what the provider does not know."""
        try:
            with span("provider", provider=message.attempt.provider, action="find"):
                reference = self._provider_of(message).find(_outgoing_sms(message))
        except SendRefused as silence:
            reason, now = silence.reason, self.clock()
            later = decide_after_no_answer(message.attempt, reason, now, self.random)
            return DeliveryResult(message, later, silence)
        if reference is not None:
            return DeliveryResult(message, decide_after_acceptance(reference))
        return self._send(message)

    def _send(self, message: ClaimedMessage) -> DeliveryResult:
        try:
            with span("provider", provider=message.attempt.provider, action="send"):
                reference = self._provider_of(message).send(_outgoing_sms(message))
        except DeliveryUnknown as unknown:
            return self._after_silence(message, unknown)
        except SendRefused as refusal:
            names, now = tuple(self.providers), self.clock()
            retry = decide_after_refusal(message.attempt, refusal, names, now, self.random)
            return DeliveryResult(message, retry, refusal)
        return DeliveryResult(message, decide_after_acceptance(reference))

    def _after_silence(self, message: ClaimedMessage, unknown: DeliveryUnknown) -> DeliveryResult:
        can_be_asked, now = self._provider_of(message).can_be_asked, self.clock()
        retry = decide_after_silence(message.attempt, unknown, can_be_asked, now, self.random)
        return DeliveryResult(message, retry, unknown)

    def _provider_of(self, message: ClaimedMessage) -> Provider:
        return self.providers[message.attempt.provider]


def _outgoing_sms(message: ClaimedMessage) -> OutgoingSms:
    return OutgoingSms(message.reference, message.phone, message.body, message.attempt.created_at)
