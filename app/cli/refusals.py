"""Refusals of commands: the sentence that an operator reads, by the refusal's code.

The sentences are answers of the command line: another sentence is another answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.base.errors import InvalidInput, MaalemError

# tests/web/test_refusals.py holds it complete.
SENTENCES: Mapping[str, str] = {
    "agent_unknown": "No agent has this `number`.",
    "already_posted": "CNSS has credited it: what it gives back is CNSS's to decide.",
    "already_reversed": "The deposit was undone before (`reversed_at`).",
    "amount_fits_no_months": (
        "No months that the artisan owes, oldest first, come to the `amount`: it goes to suspense."
    ),
    "backup_failed": "A backup or a restore cannot be done; `what` and `why` say where and what.",
    "break_unknown": "No break of that number (`id`) in a state that allows it.",
    "broken_menu": "The menu files cannot be read; `screen` and `why` say where.",
    "calendar_wrong": "The calendar's file cannot be used; `why` says what is wrong with it.",
    "campaign_unknown": (
        "No campaign of that name or number (`campaign`) in a state that allows it."
    ),
    "claim_of_another": "The claim's number is another artisan's.",
    "code_cancelled": "The artisan cancelled it, or asked for another one (`cancelled_at`).",
    "code_expired": "Its time is over (`expired_at`): the artisan asks for a new one.",
    "code_known": "The books have this code: `flask ledger code` shows it.",
    "code_paid": (
        "Paid before, at `paid_at`, with `receipt`; who took what (`agent`, `total`) only to its"
        " agency."
    ),
    "code_reversed": (
        "It was paid and the cash given back (`reversed_at`): the artisan asks for a new one."
    ),
    "code_unknown": "Well formed, but never issued here.",
    "embedded_engine": (
        "An embedded engine cannot run; `what` names it, `why` is one line for whoever typed."
    ),
    "file_refused": "`line` and `why` say where and what; line 0 is the whole file.",
    "file_unknown": (
        "No file of that `number` stands, or nobody asked to withdraw it: `flask networks files`."
    ),
    "identity_taken": "The subject at the provider of identities is `name`'s.",
    "identity_unknown": "The user is tied to no provider of identities.",
    "import_built_on": "Something was built on the import; `built` names it.",
    "import_forgotten": ("The import is too old: what people were before it is not kept any more."),
    "import_undone": "The import was undone before.",
    "import_unknown": "No import of that number: `flask registry imports`.",
    "key_reused": "The idempotency key was used for another request.",
    "menu_version_unknown": "No version of that `number` is in a state that allows it.",
    "menus_outdated": (
        "Another version became live since this one was given (over `over`): give it again."
    ),
    "menus_refused": "It holds no menus that can be taken: `cause` says why, `file` where.",
    "month_not_made": "The month has no figures yet.",
    "month_not_over": "A month is published once it is over (`month`).",
    "no_factor_enrolled": (
        "Production asks a second factor: `name` signs in at /office and enrols one first."
    ),
    "no_such_request": "No request of that reference, or it is over.",
    "nobody_to_tell": (
        "No artisan of that `region` and `trade`, as the register writes them, can be told."
    ),
    "not_collected_here": (
        "The category pays elsewhere; `category` is its letter, `collector` who collects."
    ),
    "not_forgettable": "Something of the person is under way: `why` says what.",
    "not_this_way": "A break of this kind is not settled by that method (`ways` are).",
    "no_lost_payment": "No waiting break of that number (`id`) is of a lost payment.",
    "no_pin_to_reset": "The person has no PIN.",
    "pin_key_unknown": "A PIN is stored under a key that was taken away: `flask keys status`.",
    "not_of_scope": "It is of another region, network or desk than who acts (`what`).",
    "not_one_double": "The two entries cannot become one; `why` says what stands in the way.",
    "not_oneself": "Nobody changes what they themselves may do: another operator does.",
    "notice_changed": (
        "The notice's words are no longer those that were proposed: propose it again."
    ),
    "notice_refused": "The notice's file is not one; `why` names the language and what is wrong.",
    "notice_unknown": "No notice of that `name` is published, or its last day is over.",
    "office_name_taken": "The name, or one that reads like it, is somebody's (`name`).",
    "office_user_unknown": "Nobody of that `name` works at the office.",
    "over_budget": "One more message would pass the budget of the `scope`: `campaign` or `day`.",
    "password_to_change": (
        "The first password opens nothing but its own change: `flask office password NAME`."
    ),
    "person_unknown": "The number (`id`) is no person's.",
    "phone_not_tied": (
        "The phone is not tied to the person, or is the register's own, which the register changes."
    ),
    "phone_taken": "The phone is another active agent's: it says who dials.",
    "prices_wrong": "The price list cannot be used; `why` says what is wrong with it.",
    "proposal_changed": "Something else was proposed since: nothing is done.",
    "proposer_dismissed": "Who proposed it was dismissed since (`by`): propose it anew.",
    "rates_wrong": (
        "The rates file cannot be used; `file` names it, `why` the entries and what is wrong."
    ),
    "receipt_unknown": "No deposit of that number, or not one that the asker may see.",
    "reversal_too_late": (
        "The day of the deposit is over, or CNSS was told: two people of the back office decide."
    ),
    "role_may_not_act": "The role of who acts looks and does not act, or not on this.",
    "same_person": "Who proposed it cannot approve it, nor who gave either a password lately.",
    "sign_in_paused": "Too many wrong secrets: wait until `until`.",
    "sign_in_refused": "Nobody of that name and secret works at the office.",
    "text_too_long": "The text in `language` takes `segments`, and only `most` are sent to many.",
    "too_many_new": (
        "More new people (`created`) than `share`% of the register: --dry-run, then --yes."
    ),
    "unavailable": "Redis, PostgreSQL or another system is away.",
    "under_paid": "Less was sent than the code costs (`due`), or too little for a single month.",
}


def describe(error: MaalemError) -> str:
    """Returns the refusal's sentence, then its code and parameters."""
    if isinstance(error, InvalidInput):
        return "{what}: {why}".format(**error.params)
    return f"{SENTENCES[error.code]} [{error}]"
