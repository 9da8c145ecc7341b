"""What each role of the office may do: rights in the office's words, and one table of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Right(StrEnum):
    """Something that a page shows or does."""

    OPEN_OFFICE = "open_office"
    SEE_FIGURES = "see_figures"
    PUBLISH_FIGURES = "publish_figures"
    # Find a person and open their page.
    SEE_PEOPLE = "see_people"
    # Act for a person who called: receipt again, code cancelled, phone untied, PIN reset.
    HELP_PEOPLE = "help_people"
    # Act for an artisan who stands at the counter.
    ASSIST_AT_COUNTER = "assist_at_counter"
    SEE_REQUESTS = "see_requests"
    ANSWER_REQUESTS = "answer_requests"
    SEE_BREAKS = "see_breaks"
    RESOLVE_BREAKS = "resolve_breaks"
    SEE_AGENTS = "see_agents"
    RUN_AGENTS = "run_agents"
    SEE_POSTINGS = "see_postings"
    POST_AT_CNSS = "post_at_cnss"
    SEE_MESSAGES = "see_messages"
    SEND_NOTICES = "send_notices"
    SEE_HEALTH = "see_health"
    RUN_SERVICE = "run_service"
    SEE_USERS = "see_users"
    RUN_USERS = "run_users"
    SEE_AUDIT = "see_audit"
    SEE_BOOKS = "see_books"


_R = Right
RIGHTS: Mapping[str, frozenset[Right]] = {
    "analyst": frozenset({_R.OPEN_OFFICE, _R.SEE_FIGURES}),
    "chamber": frozenset(
        {
            _R.OPEN_OFFICE,
            _R.SEE_FIGURES,
            _R.SEE_PEOPLE,
            _R.ASSIST_AT_COUNTER,
            _R.SEE_REQUESTS,
            _R.ANSWER_REQUESTS,
        }
    ),
    "wafacash": frozenset(
        {
            _R.OPEN_OFFICE,
            _R.SEE_FIGURES,
            _R.SEE_BREAKS,
            _R.RESOLVE_BREAKS,
            _R.SEE_AGENTS,
            _R.RUN_AGENTS,
        }
    ),
    "cnss": frozenset(
        {
            _R.OPEN_OFFICE,
            _R.SEE_FIGURES,
            _R.SEE_REQUESTS,
            _R.ANSWER_REQUESTS,
            _R.SEE_POSTINGS,
            _R.POST_AT_CNSS,
        }
    ),
    "helpdesk": frozenset(
        {
            _R.OPEN_OFFICE,
            _R.SEE_PEOPLE,
            _R.HELP_PEOPLE,
            _R.SEE_REQUESTS,
            _R.ANSWER_REQUESTS,
        }
    ),
    "operator": frozenset(
        {
            _R.OPEN_OFFICE,
            _R.SEE_FIGURES,
            _R.PUBLISH_FIGURES,
            _R.SEE_AGENTS,
            _R.SEE_MESSAGES,
            _R.SEND_NOTICES,
            _R.SEE_HEALTH,
            _R.RUN_SERVICE,
            _R.SEE_USERS,
            _R.RUN_USERS,
        }
    ),
    "auditor": frozenset(
        {
            _R.OPEN_OFFICE,
            _R.SEE_FIGURES,
            _R.SEE_PEOPLE,
            _R.SEE_REQUESTS,
            _R.SEE_BREAKS,
            _R.SEE_AGENTS,
            _R.SEE_POSTINGS,
            _R.SEE_MESSAGES,
            _R.SEE_HEALTH,
            _R.SEE_AUDIT,
            _R.SEE_BOOKS,
        }
    ),
    # Development's own user.
    "office": frozenset(Right),
}
