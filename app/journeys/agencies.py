"""Entry 5, agencies of the networks, by region and town or by the first letters of a town.

Towns and regions are data of app/agents/towns. The session keeps their codes, so that a change of
language shows their names in the new one.
"""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection

from app.agents.queries import Agency, find_agency, list_agencies, regions_of_towns
from app.agents.rules import shown_name
from app.agents.towns import find_town_of_province, towns, towns_beginning
from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.marks import letters_of
from app.enrolment.queries import find_province
from app.journeys.context import Dialogue, vocabulary
from app.journeys.facts import ListedAgency, ShownAgency
from app.journeys.person import is_unproven
from app.journeys.pin import is_locked
from app.text.regions import regions
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

_FEWEST_LETTERS, _MOST_LETTERS = 2, 20
# The letters that a message of agencies has for them: one segment without its other words.
_MESSAGE_ROOM = 72
_MOST_TOWNS = 12


def agencies_by_sms(dialogue: Dialogue, outcome: str) -> Say | None:
    """Returns the message with the agencies of the chosen town, as many as fit."""
    if outcome in {"none", "unknown"}:
        return Say("sms.no_agencies")
    listed = [f"{row.name} {row.weekdays}".strip() for row in dialogue.facts.agencies]
    texts = [", ".join(listed[: count + 1]) for count in range(len(listed))]
    fitting = list(takewhile(lambda text: len(text) <= _MESSAGE_ROOM, texts))
    return Say("sms.agencies", {"agencies": fitting[-1] if fitting else texts[0][:_MESSAGE_ROOM]})


def agency_by_sms(dialogue: Dialogue, outcome: str) -> Say | None:
    """Returns the message with one agency."""
    agency = dialogue.facts.agency
    if outcome == "none" or agency is None:
        return Say("sms.no_agencies")
    parts = (agency.name, agency.address, agency.weekdays)
    return Say("sms.agencies", {"agencies": ", ".join(filter(None, parts))[:_MESSAGE_ROOM]})


@vocabulary.action("look_at_nearest_agencies", "here", "unknown", by_sms=agencies_by_sms)
def look_at_nearest_agencies(dialogue: Dialogue) -> str:
    """Finds the agencies of the town that the caller's province in the register looks to.

    The province is private: on a phone not proven, or until a PIN that is set was typed,
    the town is asked for instead.
    """
    return "here" if _find_home_agencies(dialogue) else "unknown"


@vocabulary.action("look_at_agencies_to_pay", "one", "some", "unknown", by_sms=agencies_by_sms)
def look_at_agencies_to_pay(dialogue: Dialogue) -> str:
    """Finds the agencies of the caller's town, by the same rule; a single one is shown at once."""
    if not (agencies := _find_home_agencies(dialogue)):
        return "unknown"
    dialogue.answers.town = dialogue.facts.home_town
    if len(agencies) > 1:
        return "some"
    _store_agency(dialogue, agencies[0])
    return "one"


def _find_home_agencies(dialogue: Dialogue) -> list[Agency]:
    hidden = is_locked(dialogue) or is_unproven(dialogue)
    artisan = None if hidden else dialogue.facts.artisan
    with reading(dialogue.services.database) as connection:
        province = find_province(connection, artisan.id) if artisan else None
        town = find_town_of_province(province) if province else None
        agencies = _read_agencies(connection, dialogue, town.code) if town else []
    if town and agencies:
        dialogue.facts.home_town = town.code
    return agencies


@vocabulary.source("home_town")
def describe_home_town(dialogue: Dialogue) -> Values:
    return {"town": _get_town_name(dialogue, dialogue.facts.home_town)}


@vocabulary.action("look_at_home_agencies", "one", "some", "none", by_sms=agencies_by_sms)
def look_at_home_agencies(dialogue: Dialogue) -> str:
    dialogue.answers.town = dialogue.facts.home_town
    return look_at_agencies(dialogue)


@vocabulary.action("look_at_regions", "some", "none")
def look_at_regions(dialogue: Dialogue) -> str:
    """Finds the regions that have agencies, so that each choice leads to one."""
    with reading(dialogue.services.database) as connection:
        served = set(regions_of_towns(connection).values())
    codes = tuple(code for code in regions() if code in served)
    dialogue.facts.regions = codes
    return "some" if codes else "none"


@vocabulary.rows("regions")
def list_regions(dialogue: Dialogue) -> list[Row]:
    codes, language = dialogue.facts.regions, dialogue.language
    return [Row(code, {"region": regions()[code].name_in(language)}) for code in codes]


@vocabulary.action("look_at_towns", "one", "some", "none")
def look_at_towns(dialogue: Dialogue) -> str:
    """Finds the towns of the chosen region that have agencies."""
    with reading(dialogue.services.database) as connection:
        served = regions_of_towns(connection)
    region = dialogue.answers.region
    return _store_towns(dialogue, [code for code in towns() if served.get(code) == region])


@vocabulary.check("town_letters")
def read_town_letters(typed: str, _now: datetime) -> str:
    """Returns the bare letters that were typed, in any script, without accents and blanks."""
    letters = letters_of(typed)
    if any(letter.isdigit() for letter in typed) or not (
        _FEWEST_LETTERS <= len(letters) <= _MOST_LETTERS
    ):
        raise InvalidInput(what="town_letters", why="not two letters or more")
    return letters


@vocabulary.action("look_for_towns", "one", "some", "none")
def look_for_towns(dialogue: Dialogue) -> str:
    """Finds the towns with agencies whose name begins with the letters typed."""
    matching = towns_beginning(dialogue.answers.letters or "")
    if not matching:
        return "none"
    with reading(dialogue.services.database) as connection:
        served = regions_of_towns(connection)
    return _store_towns(dialogue, [town.code for town in matching if town.code in served])


def _store_towns(dialogue: Dialogue, codes: list[str]) -> str:
    """Stores the towns to choose from; a single one is chosen at once."""
    dialogue.facts.towns = tuple(codes[:_MOST_TOWNS])
    if len(codes) == 1:
        dialogue.answers.town = codes[0]
        return "one"
    return "some" if codes else "none"


@vocabulary.rows("towns")
def list_towns(dialogue: Dialogue) -> list[Row]:
    codes, language = dialogue.facts.towns, dialogue.language
    return [Row(code, {"town": towns()[code].name_in(language)}) for code in codes]


@vocabulary.action("look_at_agencies", "one", "some", "none", by_sms=agencies_by_sms)
def look_at_agencies(dialogue: Dialogue) -> str:
    """Finds the agencies of the chosen town; a single one is shown at once."""
    if (town_code := dialogue.answers.town) is None:
        raise NothingToShow()
    with reading(dialogue.services.database) as connection:
        agencies = _read_agencies(connection, dialogue, town_code)
    if len(agencies) == 1:
        _store_agency(dialogue, agencies[0])
        return "one"
    return "some" if agencies else "none"


@vocabulary.source("town")
def describe_town(dialogue: Dialogue) -> Values:
    return {"town": _get_town_name(dialogue, dialogue.answers.town)}


@vocabulary.rows("agencies")
def list_agency_rows(dialogue: Dialogue) -> list[Row]:
    return [Row(row.code, {"agency_name": row.name}) for row in dialogue.facts.agencies]


@vocabulary.action("look_at_agency", "found", "none", by_sms=agency_by_sms)
def look_at_agency(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        agency = find_agency(connection, dialogue.answers.agency or "")
    if agency is None:
        return "none"
    _store_agency(dialogue, agency)
    return "found"


@vocabulary.source("agency")
def describe_agency(dialogue: Dialogue) -> Values:
    if (agency := dialogue.facts.agency) is None:
        raise NothingToShow()
    closed = Say("hours.closed" if agency.weekdays else "hours.unknown")
    return {
        "agency_name": agency.name,
        "address": agency.address,
        "weekdays": _word_hours(agency.weekdays) or Say("hours.unknown"),
        "saturday": _word_hours(agency.saturday) or closed,
    }


def _word_hours(hours: str) -> Say | None:
    return Say("hours.open", {"hours": hours}) if hours else None


def _read_agencies(connection: Connection, dialogue: Dialogue, town_code: str) -> list[Agency]:
    """Reads a town's agencies into the session."""
    agencies = list_agencies(connection, town_code)
    dialogue.facts.agencies = tuple(_list_agency(agency) for agency in agencies)
    return agencies


def _list_agency(agency: Agency) -> ListedAgency:
    return ListedAgency(agency.code, _shorten_name(agency), _format_hours(agency.weekdays))


def _store_agency(dialogue: Dialogue, agency: Agency) -> None:
    dialogue.facts.agency = ShownAgency(
        _shorten_name(agency),
        agency.address,
        _format_hours(agency.weekdays),
        _format_hours(agency.saturday),
    )


def _shorten_name(agency: Agency) -> str:
    town = towns().get(agency.town_code)
    names = town.names if town else ()
    shown = shown_name(agency.name, agency.network_name, *names)
    return f"{shown} {agency.network_name}" if agency.among_several else shown


def _format_hours(hours: object) -> str:
    return str(hours) if hours else ""


def _get_town_name(dialogue: Dialogue, code: str | None) -> str:
    if code is None or code not in towns():
        raise NothingToShow()
    return towns()[code].name_in(dialogue.language)
