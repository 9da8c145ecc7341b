"""Entry 4, my reimbursements: CNSS's word on the last claims, and how to collect the money."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.base.database import reading
from app.base.money import Money
from app.claims.errors import ClaimClosed
from app.claims.queries import list_claims
from app.claims.service import choose_collection
from app.journeys.confirmations import queue_confirmation
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

_OPEN = {"filed", "in_review", "ready"}
_told_when_chosen = own_message_when("chosen")


def claims_by_sms(dialogue: Dialogue, outcome: str) -> Say:
    """The newest claim, for whom the screen was too slow."""
    if outcome == "none":
        return Say("sms.no_claims")
    newest = _values(dialogue.facts["claims"][0])
    return Say("sms.claims", {"claim": newest["claim"], "claim_state": newest["claim_state"]})


@vocabulary.action("look_at_claims", "some", "none", by_sms=claims_by_sms)
def look_at_claims(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        found = list_claims(connection, dialogue.facts["a"][0])
    dialogue.facts["claims"] = [
        [
            claim.number,
            claim.filed_on.isoformat(),
            claim.state,
            claim.amount.centimes if claim.amount else None,
            claim.as_of.isoformat(),
            claim.collection,
        ]
        for claim in found
    ]
    return "some" if found else "none"


@vocabulary.rows("claims")
def claims(dialogue: Dialogue) -> list[Row]:
    return [Row(row[0], _values(row)) for row in dialogue.facts.get("claims", ())]


@vocabulary.source("claim")
def claim(dialogue: Dialogue) -> Values:
    return _values(_chosen(dialogue))


@vocabulary.guard("may_collect_cash")
def may_collect_cash(dialogue: Dialogue) -> bool:
    return _may_choose(dialogue, "cash")


@vocabulary.guard("may_collect_bank")
def may_collect_bank(dialogue: Dialogue) -> bool:
    return _may_choose(dialogue, "bank")


@vocabulary.action("collect_in_cash", "chosen", "too_late", by_sms=_told_when_chosen)
def collect_in_cash(dialogue: Dialogue) -> str:
    return _choose(dialogue, "cash")


@vocabulary.action("collect_at_bank", "chosen", "too_late", by_sms=_told_when_chosen)
def collect_at_bank(dialogue: Dialogue) -> str:
    return _choose(dialogue, "bank")


def _choose(dialogue: Dialogue, way: str) -> str:
    row = _chosen(dialogue)
    try:
        with begin_operation(dialogue) as operation:
            if choose_collection(operation, dialogue.facts["a"][0], row[0], way):
                said = {"claim": row[0], "collection": Say(f"collection.{way}")}
                queue_confirmation(operation, dialogue, "collection", said)
    except ClaimClosed:
        return "too_late"
    row[5] = way
    return "chosen"


def _may_choose(dialogue: Dialogue, way: str) -> bool:
    row = _chosen(dialogue)
    return row[2] in _OPEN and row[5] != way


def _chosen(dialogue: Dialogue) -> list[Any]:
    for row in dialogue.facts.get("claims", ()):
        if row[0] == dialogue.answers.get("claim"):
            return row  # type: ignore[no-any-return]
    raise NothingToShow()


def _values(row: list[Any]) -> Values:
    number, filed_on, state, centimes, as_of, way = row
    amount = {"amount": Money(centimes)} if centimes else {}
    known = f"claim.{state}_with_amount" if state in {"filed", "in_review"} and centimes else ""
    collection = Say(f"collection.{way or 'none'}") if state in _OPEN else ""
    return {
        "claim": number,
        "filed_on": date.fromisoformat(filed_on),
        "claim_state": Say(known or f"claim.{state}", amount),
        "as_of": date.fromisoformat(as_of),
        "collection": collection,
    }
