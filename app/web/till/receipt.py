"""The till's receipts: those of the agent's own agency, on paper in the artisan's language."""

from flask import Response, session

from app.base.database import reading
from app.enrolment.rules import masked_name
from app.payments.receipts import Receipt, find_receipt, is_reversible
from app.payments.till_reversals import ReversalTerms, find_reversal_terms
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.language import template_words
from app.web.refusals import Refusal
from app.web.till.pages import CONFIRMED, agent_here, pages, refused_page, till_page


@pages.get("/receipts/<number>")
@open_to(Audience.AGENT)
def receipt(number: str) -> Response:
    """Shows a receipt of the agent's own agency; answers 404 for any other."""
    with reading(runtime().database) as connection:
        own = find_receipt(connection, number, agent_here().agency_code)
    if own is None:
        return refused_page(Refusal("nothing_here"))
    return receipt_page(own)


def receipt_page(receipt: Receipt, refusal: Refusal | None = None) -> Response:
    """Makes the page of a receipt, with the ways to reverse it on its day.

    Only the session that has just confirmed it is told of a new payment.
    """
    return till_page(
        "till/receipt.html",
        refusal.status if refusal else 200,
        receipt=receipt,
        name=masked_name(receipt.full_name),
        agency_place=agent_here().place,
        new=session.get(CONFIRMED) == receipt.number,
        terms=_find_terms(receipt),
        paper=template_words(runtime().words.language_or_default(receipt.language)),
        refusal=refusal,
    )


def _find_terms(receipt: Receipt) -> ReversalTerms | None:
    """Returns how the agent may reverse the deposit; None if it may not be reversed here."""
    maalem = runtime()
    if not is_reversible(receipt, now := maalem.clock()):
        return None
    with reading(maalem.database) as connection:
        return find_reversal_terms(connection, maalem.services, agent_here(), receipt.number, now)
