"""Refusals on pages: their HTTP statuses and words, and the edges that can meet each refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.base.errors import MaalemError


class Edge(StrEnum):
    """An edge that answers a refusal, each in its own way."""

    # A page of the till: a status below and `error.<code>` in every language.
    TILL = "till"
    # The payments API: an error in app/mobile_money/errors.py.
    API = "api"
    # The agent's menu on the phone: `refused.<code>` in every language.
    AGENT_PHONE = "agent_phone"
    # An artisan's menu or SMS: the journey catches it and leads to a screen of its own.
    PHONE = "phone"
    # A command: a sentence in app/cli/refusals.py.
    COMMAND = "command"
    # A page of the office: a status, or a conflict, and `error.<code>` in its languages.
    OFFICE = "office"


_CODE = frozenset({Edge.TILL, Edge.API, Edge.AGENT_PHONE, Edge.COMMAND})
_REVERSAL = frozenset({Edge.TILL, Edge.API, Edge.AGENT_PHONE, Edge.COMMAND})
_BY_AGENT = frozenset({Edge.TILL, Edge.AGENT_PHONE})
_COMMAND = frozenset({Edge.COMMAND})
_OFFICE = frozenset({Edge.OFFICE})
_DESK = frozenset({Edge.COMMAND, Edge.OFFICE})
_PHONE = frozenset({Edge.PHONE})

# The edges that can meet each refusal, by its code; tests/web/test_refusals.py holds it complete.
MET_AT: Mapping[str, frozenset[Edge]] = {
    "agent_barred": frozenset({Edge.API, Edge.PHONE}),
    "agent_locked": frozenset({Edge.TILL, Edge.PHONE}),
    "agency_code_taken": _OFFICE,
    "agent_number_taken": _OFFICE,
    "agent_unknown": _DESK,
    "already_posted": _REVERSAL,
    "already_reversed": _REVERSAL,
    "another_is_live": _PHONE,
    "break_unknown": _DESK,
    "amount_fits_no_months": _COMMAND,
    "backup_failed": _COMMAND,
    "code_known": _COMMAND,
    "no_lost_payment": _COMMAND,
    "not_forgettable": _DESK,
    "broken_menu": _COMMAND,
    "calendar_wrong": _COMMAND,
    "campaign_unknown": _DESK,
    "claim_closed": _PHONE,
    "claim_of_another": _DESK,
    "client_taken": _OFFICE,
    "client_unknown": _OFFICE,
    "client_refused": frozenset({Edge.API}),
    "code_cancelled": _CODE,
    "code_expired": _CODE,
    "code_mistyped": frozenset({Edge.TILL, Edge.API, Edge.PHONE}),
    "code_paid": _CODE,
    "code_reversed": _CODE,
    "code_unknown": _CODE,
    "embedded_engine": _COMMAND,
    "factor_enrolled": _OFFICE,
    "file_refused": _DESK,
    "file_unknown": _DESK,
    "form_used": _OFFICE,
    "identification_paused": _PHONE,
    "identity_taken": _DESK,
    "identity_unknown": frozenset({Edge.COMMAND, Edge.OFFICE}),
    "import_built_on": _COMMAND,
    "import_forgotten": _COMMAND,
    "import_undone": _COMMAND,
    "import_unknown": _COMMAND,
    "invalid_input": frozenset({Edge.PHONE, Edge.COMMAND, Edge.OFFICE}),
    "key_reused": frozenset({Edge.TILL, Edge.API, Edge.COMMAND}),
    "menu_version_unknown": _DESK,
    "menus_outdated": _DESK,
    "menus_refused": _DESK,
    "month_not_made": _DESK,
    "month_not_over": _DESK,
    "no_phone_for_code": _BY_AGENT,
    "no_pin_to_reset": _COMMAND,
    "no_register_phone": _PHONE,
    "not_one_double": _COMMAND,
    "no_factor_enrolled": _COMMAND,
    "no_such_request": _COMMAND,
    "nobody_to_tell": _DESK,
    "not_collected_here": frozenset({Edge.PHONE, Edge.COMMAND}),
    "not_recognised": _PHONE,
    "not_of_scope": _COMMAND,
    "not_this_way": _DESK,
    "nothing_due": frozenset({Edge.API, Edge.PHONE}),
    "nothing_to_show": _PHONE,
    "notice_changed": _DESK,
    "not_oneself": _DESK,
    "notice_proposal_unknown": _OFFICE,
    "notice_refused": _DESK,
    "notice_unknown": _DESK,
    "office_name_taken": _DESK,
    "office_user_unknown": _DESK,
    "office_session_over": _OFFICE,
    "one_time_pin_over": frozenset({Edge.TILL, Edge.PHONE}),
    "over_budget": _COMMAND,
    "over_client_limit": frozenset({Edge.API}),
    "over_code_limit": _CODE - {Edge.COMMAND},
    "over_day_limit": _CODE - {Edge.COMMAND},
    "over_float_limit": _CODE - {Edge.COMMAND},
    "over_paid": frozenset({Edge.API}),
    "over_reversal_limit": _BY_AGENT,
    "passkey_refused": _OFFICE,
    "password_to_change": _COMMAND,
    "payer_unknown": frozenset({Edge.TILL}),
    "person_unknown": _COMMAND,
    "phone_not_tied": _COMMAND,
    "phone_taken": _DESK,
    "pin_key_unknown": frozenset({Edge.TILL, Edge.PHONE, Edge.COMMAND}),
    "pin_not_chosen": frozenset({Edge.TILL, Edge.PHONE}),
    "pin_paused": _PHONE,
    "pin_unchanged": frozenset({Edge.TILL, Edge.PHONE}),
    "prices_wrong": _COMMAND,
    "provider_away": _OFFICE,
    "provider_refused": _OFFICE,
    "proposal_changed": _DESK,
    "proposer_dismissed": _DESK,
    "rates_wrong": _COMMAND,
    "receipt_unknown": frozenset({Edge.API, Edge.AGENT_PHONE, Edge.COMMAND}),
    "refused": frozenset({Edge.API}),
    "reset_code_unknown": _PHONE,
    "reversal_code_wrong": _BY_AGENT,
    "reversal_not_alone": _BY_AGENT,
    "reversal_too_late": _REVERSAL,
    "role_may_not_act": _COMMAND,
    "same_person": _DESK,
    "second_agent_refused": _BY_AGENT,
    "session_over": frozenset({Edge.TILL, Edge.PHONE}),
    "several_codes": frozenset({Edge.TILL}),
    "sign_in_paused": _COMMAND,
    "sign_in_refused": _COMMAND,
    "terms_changed": _PHONE,
    "text_too_long": _DESK,
    "tie_code_unknown": _PHONE,
    "too_many_codes": _BY_AGENT,
    "too_many_look_ups": _BY_AGENT,
    "too_many_new": _COMMAND,
    "too_many_passkeys": _OFFICE,
    "too_many_dates": _OFFICE,
    "too_many_presences": _OFFICE,
    "too_many_payers": frozenset({Edge.TILL}),
    "too_many_reports": _OFFICE,
    "too_many_requests": _PHONE,
    "unavailable": frozenset({Edge.TILL, Edge.API, Edge.PHONE, Edge.COMMAND}),
    "under_paid": frozenset({Edge.API, Edge.COMMAND}),
    "wrong_pin": frozenset({Edge.TILL, Edge.PHONE}),
}
# The status of each refusal that a page can meet, and of the pages' own.
STATUSES: Mapping[str, int] = {
    "agent_locked": 423,
    "already_posted": 409,
    "already_reversed": 409,
    "amount_unread": 400,
    "asked_too_often": 429,
    "code_cancelled": 410,
    "code_expired": 410,
    "code_mistyped": 400,
    "code_paid": 409,
    "code_reversed": 410,
    "code_unknown": 404,
    "colleague_refused": 403,
    "form_too_old": 400,
    "internal": 500,
    "key_reused": 409,
    "no_phone_for_code": 409,
    "no_reason": 400,
    "not_allowed": 403,
    "not_enrolled": 409,
    "not_understood": 400,
    "nothing_here": 404,
    "nothing_owed": 409,
    "one_time_pin_over": 403,
    "other_host": 400,
    "over_code_limit": 403,
    "over_day_limit": 403,
    "over_float_limit": 403,
    "over_reversal_limit": 403,
    "page_too_old": 400,
    "page_unknown": 404,
    "payer_unknown": 404,
    "pays_elsewhere": 409,
    "pin_again": 401,
    "pin_key_unknown": 403,
    "pin_not_chosen": 403,
    "pin_too_easy": 400,
    "pin_unchanged": 400,
    "pins_differ": 400,
    "reversal_code_wrong": 403,
    "reversal_not_alone": 403,
    "reversal_too_late": 409,
    "second_agent_refused": 403,
    "session_over": 401,
    "several_codes": 400,
    "signed_out": 401,
    "sum_less": 409,
    "sum_more": 409,
    "too_long": 413,
    "too_many_codes": 429,
    "too_many_look_ups": 429,
    "too_many_payers": 429,
    "too_many_tries": 429,
    "too_slow": 408,
    "unavailable": 503,
    "wrong_pin": 401,
}
# Those that only the office's pages meet.
OFFICE_STATUSES: Mapping[str, int] = {
    "factor_enrolled": 409,
    "factor_refused": 401,
    "identity_unknown": 403,
    "agent_unknown": 404,
    "client_unknown": 404,
    "file_refused": 400,
    "menus_refused": 400,
    "notice_refused": 400,
    "office_user_unknown": 404,
    "receipt_unknown": 404,
    "text_too_long": 400,
    "invalid_input": 400,
    "label_wrong": 400,
    "no_register_phone": 409,
    "not_done": 409,
    "not_present": 403,
    "not_recognised": 404,
    "not_yours": 403,
    "office_session_over": 401,
    "passkey_refused": 400,
    "password_to_change": 403,
    "password_weak": 400,
    "password_wrong": 401,
    "passwords_differ": 400,
    "person_unknown": 404,
    "role_may_not_act": 403,
    "sign_in_paused": 429,
    "provider_away": 503,
    "provider_refused": 403,
    "sign_in_refused": 401,
    "tie_code_unknown": 403,
    "too_many_passkeys": 409,
    "too_many_dates": 429,
    "too_many_presences": 429,
    "too_many_searches": 429,
}
# Refusals that no room raises: a page itself makes them.
PAGES_OWN = frozenset(
    {
        "amount_unread",
        "asked_too_often",
        "colleague_refused",
        "form_too_old",
        "internal",
        "no_reason",
        "not_allowed",
        "not_enrolled",
        "not_understood",
        "nothing_here",
        "nothing_owed",
        "other_host",
        "page_too_old",
        "page_unknown",
        "pays_elsewhere",
        "pin_again",
        "pin_too_easy",
        "pins_differ",
        "signed_out",
        "sum_less",
        "sum_more",
        "too_long",
        "too_many_tries",
        "too_slow",
    }
)
# Sentences that say more where a parameter is known; all others are `error.<code>`.
_FULLER_WORDS = {"code_paid": ("agent", "error.code_paid_here")}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal on a page: a stable code and the values of its words; nothing secret."""

    code: str
    params: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, error: MaalemError) -> "Refusal":
        """Makes a page's refusal from the error that a room raised."""
        return cls(error.code, error.params)

    @property
    def status(self) -> int:
        """Returns the HTTP status."""
        return STATUSES.get(self.code) or OFFICE_STATUSES[self.code]

    @property
    def words(self) -> str:
        """Returns the key of its sentence."""
        name, key = _FULLER_WORDS.get(self.code, ("", ""))
        return key if self.params.get(name) else f"error.{self.code}"
