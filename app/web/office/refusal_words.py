"""Puts what a refusal names into the reader's words: fields, and faults of files. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.base.errors import MaalemError
from app.files.errors import FileRefused
from app.text.words import Say, Words
from app.web.refusals import Refusal

# What services say of fields, and its key.
_OF_FIELDS: tuple[tuple[str, str], ...] = (
    (r"the last operator.*", "last_operator"),
    (r"a sample user .*", "sample_user"),
    (r"not letters of one script.*|letters, digits, blanks.*", "one_script"),
    (r"not [0-9]+ to [0-9]+ .*", "length"),
    (r"a word that names no person", "no_person"),
    (r"not in GSM-7.*", "not_gsm"),
    (r"not like 8:30.*|no such time|closes before it opens", "hours"),
    (r"not of .*|none of .*", "of_another"),
    (r".* dirhams are spent", "spent"),
    (r".* is no host's whole name", "no_host"),
    (r".* is no address and no CIDR block", "no_ip"),
)
_WHYS = re.compile(r"[a-z_]+")


def put_in_words(refusal: Refusal, words: Words, language: str) -> Refusal:
    """Returns the refusal with its field, and what is wrong, as sentences of the reader."""
    if refusal.code == "file_refused":
        return Refusal(refusal.code, name_fault_of_file(refusal.params))
    if refusal.code == "menus_refused":
        told = {"file": str(refusal.params["file"])}
        cause = Say(f"office.menus.cause.{refusal.params['cause']}", told)
        return Refusal(refusal.code, {"why": cause})
    if refusal.code != "invalid_input":
        return refusal
    what, why = str(refusal.params.get("what", "")), str(refusal.params.get("why", ""))
    field, reason = f"office.field.{what.replace(' ', '_')}", f"office.why.{_find_why(why)}"
    return Refusal(
        refusal.code,
        {
            "what": Say(field) if words.has(language, field) else what,
            "why": Say(reason if words.has(language, reason) else "office.why.unread"),
        },
    )


def _find_why(why: str) -> str:
    """Returns the key of what is wrong with a field."""
    if _WHYS.fullmatch(why):
        return why
    return next((key for told, key in _OF_FIELDS if re.fullmatch(told, why)), "unread")


def refusal_of(error: MaalemError) -> Refusal:
    """Makes a page's refusal from the error that a room raised, a file's with its fault."""
    if isinstance(error, FileRefused):
        return Refusal(error.code, {**error.params, "fault": error.fault, "told": error.told})
    return Refusal.of(error)


def name_fault_of_file(params: Mapping[str, Any]) -> dict[str, object]:
    """Returns line and cause of a file's refusal, the cause as a sentence."""
    values = params.get("told") or {"told": str(params.get("why", ""))}
    key = f"office.file.{params.get('fault', 'other')}"
    return {"line": params.get("line", 0), "why": Say(key, dict(values))}
