"""Entry 4, my reimbursements: CNSS's word on the last claims, and how to collect the money."""

from __future__ import annotations

from dataclasses import replace

from app.base.database import reading
from app.base.money import Money
from app.claims.errors import ClaimClosed
from app.claims.queries import Claim, list_claims
from app.claims.service import choose_collection
from app.journeys.confirmations import queue_confirmation
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.person import require_proof
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

# The states that are worded with the amount, once CNSS has decided on it.
_SHOWS_AMOUNT = {"filed", "in_review"}
_message_when_chosen = own_message_when("chosen")


def claims_by_sms(dialogue: Dialogue, outcome: str) -> Say:
    """Returns the message with the newest claim."""
    claims = dialogue.facts.claims
    if outcome == "none" or not claims:
        return Say("sms.no_claims")
    values = _describe_claim(claims[0])
    return Say("sms.claims", {name: values[name] for name in ("claim", "claim_state")})


@vocabulary.action("look_at_claims", "some", "none", by_sms=claims_by_sms, only_looks=True)
def look_at_claims(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        require_proof(connection, dialogue)
        claims = list_claims(connection, dialogue.facts.artisan_id)
    dialogue.facts.claims = tuple(claims)
    return "some" if claims else "none"


@vocabulary.rows("claims")
def list_claim_rows(dialogue: Dialogue) -> list[Row]:
    return [Row(claim.number, _describe_claim(claim)) for claim in dialogue.facts.claims]


@vocabulary.source("claim")
def describe_chosen_claim(dialogue: Dialogue) -> Values:
    return _describe_claim(_get_chosen_claim(dialogue))


@vocabulary.guard("may_choose_collection")
def may_choose_collection(dialogue: Dialogue) -> bool:
    """True once the money is ready; before that there is nothing to collect."""
    return _get_chosen_claim(dialogue).state == "ready"


@vocabulary.action("collect_in_cash", "chosen", "too_late", by_sms=_message_when_chosen)
def collect_in_cash(dialogue: Dialogue) -> str:
    return _choose_collection(dialogue, "cash")


@vocabulary.action("collect_at_bank", "chosen", "too_late", by_sms=_message_when_chosen)
def collect_at_bank(dialogue: Dialogue) -> str:
    return _choose_collection(dialogue, "bank")


def _choose_collection(dialogue: Dialogue, way: str) -> str:
    """Records how the money is to be collected, and confirms it where that is a change."""
    claim = _get_chosen_claim(dialogue)
    artisan_id = dialogue.facts.artisan_id
    try:
        with begin_operation(dialogue) as operation:
            require_proof(operation.connection, dialogue)
            if choose_collection(operation, artisan_id, claim.number, way):
                values = {"claim": claim.number, "collection": Say(f"collection.{way}")}
                queue_confirmation(operation, dialogue, "collection", values)
    except ClaimClosed:
        return "too_late"
    dialogue.facts.claims = tuple(
        replace(other, collection=way) if other.number == claim.number else other
        for other in dialogue.facts.claims
    )
    return "chosen"


def _get_chosen_claim(dialogue: Dialogue) -> Claim:
    number = dialogue.answers.claim
    for claim in dialogue.facts.claims:
        if claim.number == number:
            return claim
    raise NothingToShow()


def _describe_claim(claim: Claim) -> Values:
    state, amount = f"claim.{claim.state}", {"amount": claim.amount} if claim.amount else {}
    if amount and claim.state in _SHOWS_AMOUNT:
        state = f"{state}_with_amount"
    is_ready = claim.state == "ready"
    return {
        "claim": claim.number,
        "filed_on": claim.filed_on,
        "claim_state": Say(state, amount),
        "as_of": claim.as_of,
        "amount": claim.amount or Money(0),
        "collection": Say(f"collection.{claim.collection or 'none'}") if is_ready else "",
    }
