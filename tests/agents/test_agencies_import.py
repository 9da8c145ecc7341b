"""Agencies from a file: all of it or nothing, and the same twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.agents.agencies import NewAgency, add_agency
from app.agents.agency_file import SAMPLE_AGENCIES
from app.agents.queries import find_agency, list_agencies, regions_of_towns
from app.agents.rules import read_hours
from app.base.money import Money
from app.base.operation import operation
from app.runtime import Runtime

HEADER = "code,name,town,address,weekdays,saturday,active"
GOOD = "W-AZROU-01,Wafacash Azrou,Azrou,Bd Hassan II 3,8:30-18:00,9:00-13:00,yes"
Command = Callable[..., Result]


@pytest.fixture
def command(app: Flask, runtime: Runtime) -> Command:
    runner = app.test_cli_runner()
    return lambda *words: runner.invoke(args=["agents", *words])


@pytest.fixture
def take(command: Command, tmp_path: Path) -> Callable[..., Result]:
    """Imports a file of these lines behind the header."""

    def run(*lines: str | bytes) -> Result:
        path = tmp_path / "agencies.csv"
        written = [line if isinstance(line, bytes) else line.encode() for line in (HEADER, *lines)]
        path.write_bytes(b"\n".join(written) + b"\n")
        return command("import-agencies", str(path))

    return run


def rows(runtime: Runtime, sql: str) -> list[tuple[object, ...]]:
    with runtime.database.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def test_import_agencies_reads_the_samples_and_changes_nothing_again(
    command: Command, runtime: Runtime
) -> None:
    said = command("import-agencies", str(SAMPLE_AGENCIES)).output
    assert said == "31 agencies read, 31 new or changed\n"
    said = command("import-agencies", str(SAMPLE_AGENCIES)).output
    assert said == "31 agencies read, 0 new or changed\n"
    with runtime.database.connect() as connection:
        in_rabat = list_agencies(connection, "rabat")
        one = find_agency(connection, "W-RABAT-03")
        served = regions_of_towns(connection)
    assert [one.code for one in in_rabat] == ["W-RABAT-01", "W-RABAT-02", "W-RABAT-03"]
    assert one and (str(one.weekdays), one.saturday) == ("8:30-18:00", None)
    assert served["rabat"] == "rabat" and "assa" not in served


def test_list_agencies_leaves_out_a_closed_agency(
    take: Callable[..., Result], runtime: Runtime
) -> None:
    assert "1 new" in take(GOOD).output
    assert "1 new" in take(GOOD.replace(",yes", ",no")).output
    with runtime.database.connect() as connection:
        assert list_agencies(connection, "azrou") == []
        assert find_agency(connection, "W-AZROU-01") is None
        assert regions_of_towns(connection) == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (GOOD, "line 3: code: given twice"),
        (GOOD.replace("W-AZROU-01", "w-azrou"), "code: not up to 16 capitals, digits and -"),
        (GOOD.replace(",Azrou,", ",Atlantis,"), "town: not one of towns.csv"),
        (GOOD.replace("Bd Hassan II 3", "Bd Hassan II\u202f3 ê"), "address: not in GSM-7: ê"),
        (GOOD.replace("Bd Hassan II 3", "x" * 33), "address: not 1 to 32 letters"),
        (GOOD.replace("Wafacash Azrou", ""), "name: not 1 to 40 letters"),
        (GOOD.replace("8:30-18:00", "8h30"), "hours: not like 8:30-18:00"),
        (GOOD.replace("8:30-18:00", "8:30-12:00 11:00-18:00"), "hours: closes before it opens"),
        (GOOD.replace("8:30-18:00", "ferme"), "weekdays: closed all week"),
        (GOOD.replace("9:00-13:00", "13:00-9:00"), "hours: closes before it opens"),
        (GOOD.replace(",yes", ",perhaps"), "active: neither yes nor no"),
        (GOOD.replace(",yes", ""), "6 fields, wanted 7"),
        (GOOD + ",more", "8 fields, wanted 7"),
        (b"\xff" + GOOD.encode(), "line 3: byte 1 is not UTF-8"),
        ('"' + GOOD, "line 3: a quote is left open"),
    ],
)
def test_import_agencies_refuses_a_file_with_a_wrong_line(
    take: Callable[..., Result], runtime: Runtime, line: str | bytes, why: str
) -> None:
    answer = take(GOOD, line)
    assert answer.exit_code == 1
    assert "line 3: " in answer.output and why in answer.output
    assert rows(runtime, "SELECT code FROM agency") == []


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("Rue 12 n° 4", "Rue 12 no 4"),
        ("Bd de l’Istiqlal, Nº 7 – “Souk”", 'Bd de l\'Istiqlal, No 7 - "Souk"'),
    ],
)
def test_import_agencies_writes_an_address_as_phones_show_it(
    take: Callable[..., Result], runtime: Runtime, written: str, address: str
) -> None:
    quoted = '"' + written.replace('"', '""') + '"'
    assert "1 new" in take(GOOD.replace("Bd Hassan II 3", quoted)).output
    assert rows(runtime, "SELECT address FROM agency") == [(address,)]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("08:30-12:30 / 14h-18h", "8:30-12:30 14:00-18:00"),
        ("8h30 \u00e0 12h30 et 14h00 \u00e0 18h00", "8:30-12:30 14:00-18:00"),
        ("\u0668:\u0663\u0660\u201318:00", "8:30-18:00"),
        ("8h30-18h00", "8:30-18:00"),
        ("8.30 - 18.00", "8:30-18:00"),
        ("08:30:00-18:00:00", "8:30-18:00"),
    ],
)
def test_hours_are_read_as_people_write_them(written: str, shown: str) -> None:
    assert str(read_hours(written)) == shown


def test_import_agencies_reads_a_spreadsheets_file(
    command: Command, runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "agencies.csv"
    path.write_bytes(
        "Code;Name;Town;Address;Saturday;Weekdays;Active;Chef\r\n"
        "W-AZROU-01\u200f;Wafacash\u00a0Azrou;\u0622\u0632\u0631\u0648;Bd de l\u2019Istiqlal;"
        '"ferm\u00e9";"8h30-12h30\r\n14h-18h";OUI;x\r\n;;;;;;;\r\n'.encode("utf-16")
    )
    said = command("import-agencies", str(path))
    assert "1 agency read, 1 new" in said.output
    assert "columns that are not read: 'chef'" in said.output
    with runtime.database.connect() as connection:
        agency = find_agency(connection, "W-AZROU-01")
    assert agency and (agency.name, agency.address) == ("Wafacash Azrou", "Bd de l'Istiqlal")
    assert (str(agency.weekdays), agency.saturday) == ("8:30-12:30 14:00-18:00", None)


def test_import_agencies_refuses_a_missing_file(command: Command, tmp_path: Path) -> None:
    missing = command("import-agencies", str(tmp_path / "none.csv"))
    assert (missing.exit_code, "No such file" in missing.output) == (1, True)
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    assert (
        "line 1: header: none of the columns code, name"
        in command("import-agencies", str(other)).output
    )
    other.write_text(HEADER + "\n", encoding="utf-8")
    assert "line 1: 0 agencies, wanted 1 to 3000" in command("import-agencies", str(other)).output


def test_agencies_and_agents_are_added_by_command(command: Command, runtime: Runtime) -> None:
    hours = ["--weekdays", "8:30-18:00", "--saturday", "9:00-12:00"]
    added = command(
        *("agency", "W-SALE-09", "--name", "Wafacash Salé Port", "--town", "سلا"),
        *("--address", "Rue du Port 2", "--float-limit", "20000", *hours),
    )
    assert (added.exit_code, added.output) == (0, "agency W-SALE-09\n")
    again = command("agency", "W-SALE-09", "--name", "Wafacash Salé Port", "--town", "Atlantis")
    assert "phones do not find it" in again.output
    found = "SELECT town, town_code, address, float_limit_centimes, saturday_closes::text"
    assert rows(runtime, f"{found} FROM agency") == [
        ("Atlantis", None, "Rue du Port 2", 2000000, "12:00:00")
    ]
    own = ("--agency", "W-SALE-09", "--pin", "135790", "--phone")
    limits = ("--day-limit", "5000", "--code-limit", "800.50")
    assert command("add", "3001", *own, "0612345678", *limits).exit_code == 0
    kept = "SELECT code_limit_centimes, day_limit_centimes FROM agent"
    assert rows(runtime, kept) == [(80050, 500000)]
    assert command("add", "3001", *own, "0612345678").exit_code == 0
    assert rows(runtime, kept) == [(80050, 500000)]
    assert command("add", "3001", *own, "0612345678", "--day-limit", "0").exit_code == 0
    assert rows(runtime, kept) == [(80050, None)]
    taken = command("add", "3002", *own, "+212612345678")
    assert (taken.exit_code, "another agent's" in taken.output) == (1, True)
    wrong = command("add", "3003", *own, "0612345679", "--day-limit", "-1")
    assert (wrong.exit_code, "less than nothing" in wrong.output) == (2, True)
    nowhere = command("add", "3004", "--agency", "W-NONE", "--pin", "135790")
    assert "no such agency" in nowhere.output


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO agent (number, agency_code, pin_hash, phone)"
        " SELECT '4002', agency_code, pin_hash, phone FROM agent",
        "UPDATE agent SET day_limit_centimes = 0",
        "UPDATE agency SET float_limit_centimes = -1",
        "UPDATE agency SET weekday_opens = '19:00'",
        "UPDATE agency SET saturday_opens = NULL",
        "UPDATE agency SET weekday_pause_begins = '12:00'",
        "UPDATE agency SET weekday_pause_begins = '12:00', weekday_pause_ends = '19:00'",
        "UPDATE agency SET town_code = 'atlantis'",
        "DELETE FROM town WHERE code = 'rabat'",
    ],
)
@pytest.mark.usefixtures("sample_people")
def test_the_database_refuses_a_row_that_must_not_be(runtime: Runtime, sql: str) -> None:
    with pytest.raises(IntegrityError), runtime.owners_database.begin() as connection:
        connection.execute(text(sql))


@pytest.mark.usefixtures("sample_people")
def test_add_agent_accepts_the_phone_of_a_dismissed_agent(runtime: Runtime) -> None:
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET active = false"))
        connection.execute(
            text(
                "INSERT INTO agent (number, agency_code, pin_hash, phone)"
                " SELECT '4002', agency_code, pin_hash, phone FROM agent"
            )
        )
    assert rows(runtime, "SELECT count(DISTINCT phone), count(*) FROM agent") == [(1, 2)]


def test_add_agency_of_an_unknown_town_is_not_listed(runtime: Runtime) -> None:
    with operation(runtime.database, runtime.clock(), "operator") as change:
        add_agency(change, NewAgency("W-X-01", "Wafacash X", "Atlantis", float_limit=Money(100)))
        assert find_agency(change.connection, "W-X-01") is None
        assert regions_of_towns(change.connection) == {}
