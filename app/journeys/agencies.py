"""Entry 5, agencies: where Wafacash is, by region and town or by the first letters of a town.

Towns and regions are data of app/agents/towns; the session keeps their codes, so that a change of
language shows their names in the new one.
"""

from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection

from app.agents.queries import Agency, find_agency, list_agencies, regions_of_towns
from app.agents.rules import letters_of, shown_name
from app.agents.towns import find_town_of_province, regions, towns, towns_beginning
from app.base.database import reading
from app.base.errors import InvalidInput
from app.enrolment.queries import find_province
from app.journeys.context import Dialogue, vocabulary
from app.journeys.pin import locked
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

_FEWEST_LETTERS, _MOST_LETTERS = 2, 20
# Of a message that lists agencies: what is left of one segment after its other words.
_MESSAGE_ROOM = 80
_MOST_TOWNS = 12


def _by_sms(dialogue: Dialogue, outcome: str) -> Say | None:
    """The agencies of the town asked for, as many as a message holds."""
    if outcome in {"none", "unknown"}:
        return Say("sms.no_agencies")
    listed = [f"{name} {hours}".strip() for _, name, hours in dialogue.facts["agencies"]]
    room = [", ".join(listed[: count + 1]) for count in range(len(listed))]
    fitting = list(takewhile(lambda text: len(text) <= _MESSAGE_ROOM, room))
    return Say("sms.agencies", {"agencies": fitting[-1] if fitting else room[0][:_MESSAGE_ROOM]})


def _agency_by_sms(dialogue: Dialogue, outcome: str) -> Say | None:
    if outcome == "none":
        return Say("sms.no_agencies")
    told = ", ".join(part for part in dialogue.facts["agency"][:3] if part)
    return Say("sms.agencies", {"agencies": told[:_MESSAGE_ROOM]})


@vocabulary.action("look_at_nearest_agencies", "here", "unknown", by_sms=_by_sms)
def look_at_nearest_agencies(dialogue: Dialogue) -> str:
    """Those of the town that the register's province of the caller looks to; that somebody lives
    there is private too, so behind a PIN the town is asked for.
    """
    known = "a" in dialogue.facts and not locked(dialogue)
    with reading(dialogue.services.database) as connection:
        province = find_province(connection, dialogue.facts["a"][0]) if known else None
        town = find_town_of_province(province) if province else None
        if town is None or not _read_agencies(connection, dialogue, town.code):
            return "unknown"
    dialogue.facts["home_town"] = town.code
    return "here"


@vocabulary.source("home_town")
def home_town(dialogue: Dialogue) -> Values:
    return {"town": _town_name(dialogue, dialogue.facts.get("home_town"))}


@vocabulary.action("look_at_home_agencies", "one", "some", "none", by_sms=_by_sms)
def look_at_home_agencies(dialogue: Dialogue) -> str:
    dialogue.answers["town"] = dialogue.facts["home_town"]
    return look_at_agencies(dialogue)


@vocabulary.action("look_at_regions", "some", "none")
def look_at_regions(dialogue: Dialogue) -> str:
    """Only the regions that have agencies: a choice leads somewhere."""
    with reading(dialogue.services.database) as connection:
        served = set(regions_of_towns(connection).values())
    dialogue.facts["regions"] = [code for code in regions() if code in served]
    return "some" if dialogue.facts["regions"] else "none"


@vocabulary.rows("regions")
def region_rows(dialogue: Dialogue) -> list[Row]:
    codes = dialogue.facts.get("regions", ())
    return [Row(code, {"region": regions()[code].name_in(dialogue.language)}) for code in codes]


@vocabulary.action("look_at_towns", "one", "some", "none")
def look_at_towns(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        served = regions_of_towns(connection)
    wanted = dialogue.answers.get("region")
    return _keep_towns(dialogue, [code for code in towns() if served.get(code) == wanted])


@vocabulary.check("town_letters")
def town_letters(typed: str, _now: datetime) -> str:
    """The bare letters of what was typed, in any script; accents and blanks do not count."""
    letters = letters_of(typed)
    if any(letter.isdigit() for letter in typed) or not (
        _FEWEST_LETTERS <= len(letters) <= _MOST_LETTERS
    ):
        raise InvalidInput(what="town_letters", why="not two letters or more")
    return letters


@vocabulary.action("look_for_towns", "one", "some", "none")
def look_for_towns(dialogue: Dialogue) -> str:
    found = towns_beginning(dialogue.answers["letters"])
    if not found:
        return "none"
    with reading(dialogue.services.database) as connection:
        served = regions_of_towns(connection)
    return _keep_towns(dialogue, [one.code for one in found if one.code in served])


def _keep_towns(dialogue: Dialogue, codes: list[str]) -> str:
    dialogue.facts["towns"] = codes[:_MOST_TOWNS]
    if len(codes) == 1:
        dialogue.answers["town"] = codes[0]
        return "one"
    return "some" if codes else "none"


@vocabulary.rows("towns")
def town_rows(dialogue: Dialogue) -> list[Row]:
    codes = dialogue.facts.get("towns", ())
    return [Row(code, {"town": towns()[code].name_in(dialogue.language)}) for code in codes]


@vocabulary.action("look_at_agencies", "one", "some", "none", by_sms=_by_sms)
def look_at_agencies(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        found = _read_agencies(connection, dialogue, dialogue.answers["town"])
    if len(found) == 1:
        _keep_agency(dialogue, found[0])
        return "one"
    return "some" if found else "none"


@vocabulary.source("town")
def town(dialogue: Dialogue) -> Values:
    return {"town": _town_name(dialogue, dialogue.answers.get("town"))}


@vocabulary.rows("agencies")
def agency_rows(dialogue: Dialogue) -> list[Row]:
    agencies = dialogue.facts.get("agencies", ())
    return [Row(code, {"agency_name": name}) for code, name, _ in agencies]


@vocabulary.action("look_at_agency", "found", "none", by_sms=_agency_by_sms)
def look_at_agency(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        found = find_agency(connection, str(dialogue.answers["agency"]))
    if found is None:
        return "none"
    _keep_agency(dialogue, found)
    return "found"


@vocabulary.source("agency")
def agency(dialogue: Dialogue) -> Values:
    if not (row := dialogue.facts.get("agency")):
        raise NothingToShow()
    name, address, weekdays, saturday = row
    closed = Say("hours.closed" if weekdays else "hours.unknown")
    return {
        "agency_name": name,
        "address": address,
        "weekdays": _open(weekdays) or Say("hours.unknown"),
        "saturday": _open(saturday) or closed,
    }


def _open(hours: str) -> Say | None:
    return Say("hours.open", {"hours": hours}) if hours else None


def _read_agencies(connection: Connection, dialogue: Dialogue, town_code: str) -> list[Agency]:
    found = list_agencies(connection, town_code)
    dialogue.facts["agencies"] = [[one.code, _shown(one), _written(one.weekdays)] for one in found]
    return found


def _keep_agency(dialogue: Dialogue, found: Agency) -> None:
    hours = _written(found.weekdays), _written(found.saturday)
    dialogue.facts["agency"] = [_shown(found), found.address, *hours]


def _shown(found: Agency) -> str:
    town = towns().get(found.town_code)
    return shown_name(found.name, *(town.names if town else ()))


def _written(hours: Any) -> str:
    return str(hours) if hours else ""


def _town_name(dialogue: Dialogue, code: str | None) -> str:
    if code not in towns():
        raise NothingToShow()
    return towns()[code].name_in(dialogue.language)
