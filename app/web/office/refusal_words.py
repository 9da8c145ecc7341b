"""Puts what a refusal names into the reader's words: fields, and faults of files. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.text.words import Say, Words
from app.web.refusals import Refusal

# What the readers of files say, and the key of it in the reader's words; its groups are the values.
_OF_FILES: tuple[tuple[str, str], ...] = (
    (r"no lines|file: empty.*", "no_lines"),
    (r"paid on (?P<day>\S+), in a file of (?P<busiest>\S+)", "other_day"),
    (r"a line after the total of line (?P<total_line>[0-9]+)", "after_total"),
    (r"the paid lines come to (?P<told>\S+), not (?P<declared>\S+)", "declared"),
    (r"the total names (?P<declared>\S+) lines, not (?P<told>\S+)", "total_lines"),
    (r"the total is (?P<declared>\S+), the paid lines come to (?P<told>\S+)", "total_amount"),
    (r"paid_at is no .*", "no_moment"),
    (r"paid_at lies ahead, on (?P<day>\S+)", "ahead"),
    (r"this file was taken before, as one of .*", "of_another"),
    (r"header: .*", "header"),
    (r"larger than .*", "larger"),
    (r"rna_number: nobody's", "nobody"),
    (r"reference: nothing of it was sent to CNSS", "not_sent"),
    (r"(?P<column>[a-z_]+)( is not |: ).*", "column"),
    (r"(?P<told>[0-9]+) fields, wanted (?P<declared>[0-9]+)", "fields"),
)
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


def name_fault_of_file(params: Mapping[str, object]) -> dict[str, object]:
    """Returns line and cause of a file's refusal, the cause as a sentence."""
    told = str(params.get("why", ""))
    for pattern, key in _OF_FILES:
        if match := re.fullmatch(pattern, told):
            return {
                "line": params.get("line", 0),
                "why": Say(f"office.file.{key}", match.groupdict()),
            }
    return {"line": params.get("line", 0), "why": Say("office.file.other", {"told": told})}
