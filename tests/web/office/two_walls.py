"""A world of two regions and two networks, and what of it lies outside each role's scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product

from flask import Flask
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, text
from werkzeug.routing import Rule

from app.agents.agencies import NewAgency, add_agency
from app.agents.clients import DEMO_CLIENT, NewClient, add_client, draw_key
from app.agents.networks import AgentNetwork, add_network
from app.agents.queries import find_agent
from app.agents.staff import NewAgent, add_agent
from app.assistance.service import NewRequest, ask_for_help
from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import operation
from app.base.phone import Phone
from app.claims.desk import ClaimEntry, record_claim_of
from app.ledger.breaks import NewBreak, open_break
from app.notices.rules import read_notice
from app.notices.service import publish_notice
from app.office.service import add_sample_users
from app.people.presences import begin_by_card
from app.reconciliation.cnss_export import export_payments
from app.reminders.broadcasts import BroadcastRequest, propose_broadcast
from app.runtime import Runtime
from app.settings import ROOT
from tests.conftest import AGENCY, AGENT
from tests.payments.conftest import PaymentFixture
from tests.web.office.test_people import AICHA, DRISS, HASSAN, STRANGER, id_of

BARID = {"code": "barid", "shown_name": "Barid", "file_format": "wafacash"}
BARID_AGENT = "700133557799"
# Development's chamber is of this region, which is Hassan's; Aicha and Driss are of two others.
REGION, ANOTHER = "Fès-Meknès", "Souss-Massa"
BANK_DESK = "bank"
ROLES = (*("analyst", "chamber", "wafacash", "cnss", "helpdesk", "operator", "auditor"), BANK_DESK)
# What figures show of another region and of another network.
REGION_FIGURE, NETWORK_FIGURE = "987651", "987652"
# About the session and the account of who is signed in alone.
_ONES_OWN = ("/office/sign-", "/office/account")
NOTICE, CLAIM = "avis-des-murs", "R-70001"
_NOTICE_FILE = ROOT / "app/notices/sample_notice.yaml"
_MONTH = date(2026, 10, 1)
_PEOPLE_TABLES = (
    *("artisan_phone", "payment_code", "contribution_allocation", "presence", "desk_act"),
    *("person_note", "member_call", "ended_tie", "claim", "enrolment_file"),
)
_NETWORK_TABLES = ("agency", "api_client", "reconciliation_break", "settlement_file")
# What belongs to the service as a whole, and the one role that adds to it or changes it.
_OF_ROLE = {
    "cnss_batch": "cnss",
    "campaign": "operator",
    "menu_publication": "operator",
    "menu_version": "operator",
    "notice": "operator",
    "notice_proposal": "operator",
    "office_user": "operator",
}
# Kinds of the requests that a role sees.
_REQUESTS = {
    "chamber": ("bank",),
    "cnss": ("enrolment",),
    BANK_DESK: ("bank",),
}
_SEES_PEOPLE = ("helpdesk", "auditor")
_SEES_NETWORKS = ("operator", "auditor")


@dataclass
class World:
    """What stands in the database, by the argument of an address that names it."""

    requests: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, list[object]] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    batch: str = ""


def build_world(runtime: Runtime, engine: Engine, owner: Engine) -> World:
    """Adds another network to the sample people, with files, breaks and payments in both."""
    world, now = World(), runtime.clock()
    hassan, aicha, driss = (id_of(engine, phone) for phone in (HASSAN, AICHA, DRISS))
    with operation(runtime.database, now, "worker") as change:
        add_sample_users(change)
        add_network(change, AgentNetwork(**BARID))
        add_agency(change, NewAgency("B-FES-01", "Barid Fes", "Fès", network="barid"))
        pin = SecretStr("246813")
        add_agent(change, runtime.services, NewAgent(BARID_AGENT, "B-FES-01", pin, own=True))
        add_client(change, NewClient("barid-bank", "barid", draw_key(runtime.random)))
        for network in ("wafacash", "barid"):
            reference = f"{network}-ref-1".upper()
            open_break(
                change, NewBreak("missing_here", network, theirs=Money(15000), reference=reference)
            )
        asked = {
            "bank": ("account", HASSAN, hassan),
            "export": ("fairs", AICHA, aicha),
            "call_back": ("any", AICHA, aicha),
            "dar": ("credit", DRISS, driss),
            "enrolment": ("any", STRANGER, None),
        }
        for kind, (topic, phone, person) in asked.items():
            wanted = NewRequest(kind, topic, Phone(phone), "fr", person)
            world.requests[kind] = ask_for_help(change, runtime.services, wanted)[0].reference
        entry = ClaimEntry(CLAIM, str(_read_rna(change.connection, aicha)), "in_review")
        record_claim_of(change, runtime.services, entry)
        publish_notice(change, replace(read_notice(_NOTICE_FILE.read_bytes()), name=NOTICE))
    receipts = list(_pay(runtime, engine))
    with operation(runtime.database, now, "operator") as change:
        wanted = BroadcastRequest(notice=NOTICE)
        campaign = propose_broadcast(change, runtime.reminder_settings, runtime.words, wanted).name
    with operation(runtime.database, now, "cnss") as change:
        world.batch = str(export_payments(change, local_date(now)).name)
    with operation(runtime.database, now, "chamber") as change:
        presences = [begin_by_card(change, runtime.services, hassan)]
    with operation(runtime.database, now, "office") as change:
        presences.append(begin_by_card(change, runtime.services, aicha))
    _write_files_and_figures(owner, hassan)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT full_name, phone, region FROM artisan"))
        world.people = {row.full_name: row.phone for row in rows if row.phone}
        breaks = list(connection.execute(text("SELECT id FROM reconciliation_break")).scalars())
        given = list(connection.execute(text("SELECT id FROM uploaded_file")).scalars())
        files = list(connection.execute(text("SELECT id FROM settlement_file")).scalars())
    world.numbers = {
        "/office/account": [1],
        "/office/people": [hassan, aicha, driss],
        "/office/calls": [hassan, aicha],
        "/office/counter": presences,
        "/office/breaks/files": files,
        "/office/breaks/given": given,
        "/office/breaks": breaks,
        "/office/postings/given": given,
        "/office/postings": breaks,
        "/office/audit/lists": [1, 2],
        "/office/figures/lists": [1, 2],
        "/office/menus/versions": [1],
        "/office/notices": [1],
        "/office/agents": [AGENT, BARID_AGENT],
        "receipt": receipts,
        "code": [AGENCY, "B-FES-01"],
        "identity": [DEMO_CLIENT, "barid-bank"],
        "reference": list(world.requests.values()),
        "name": ["zineb", NOTICE, campaign, world.batch],
        "account": ["cash_at_agents"],
        "step": ["take", "take-over", "called", "hand-over", "close"],
        "act": ["receipt", "cancel-code", "untie", "reset-pin", "prove", "merge", "note"],
        "act_name": ["code", "help", "consent", "tie"],
    }
    return world


def _read_rna(connection: Connection, person: int) -> str:
    """Returns the RNA number of one of the sample people."""
    named = text("SELECT rna_number FROM artisan WHERE id = :id")
    return str(connection.execute(named, {"id": person}).scalar_one())


def _pay(runtime: Runtime, engine: Engine) -> Iterator[str]:
    """Has Hassan pay at Wafacash and Aicha at Barid, and each of three people ask for a code."""
    with engine.connect() as connection:
        agents = text("SELECT id FROM agent ORDER BY number = :barid")
        ids = connection.execute(agents, {"barid": BARID_AGENT}).scalars().all()
        ours, theirs = (find_agent(connection, number) for number in ids)
    assert ours and theirs
    for agent, phone in ((ours, HASSAN), (theirs, AICHA)):
        payments = PaymentFixture(runtime, agent)
        yield payments.redeem(payments.issue(phone, 1).code, key=phone)
    for phone in (HASSAN, AICHA, DRISS):
        PaymentFixture(runtime, ours).issue(phone, 1)


def _write_files_and_figures(owner: Engine, hassan: int) -> None:
    with owner.begin() as connection:
        for network in ("wafacash", "barid"):
            values = {"network": network, "taken": f"{network}-day.csv"}
            connection.execute(
                text(
                    "INSERT INTO settlement_file (network, name, digest, first_day, day, lines,"
                    " matched_at) VALUES (:network, :taken, '\\x00', '2026-11-22', '2026-11-22',"
                    " 1, now())"
                ),
                values,
            )
            connection.execute(
                text(
                    "INSERT INTO uploaded_file (kind, network, name, bytes, given_by, given_at,"
                    " content) VALUES ('settlement', :network, :network || '-given.csv', 1,"
                    " 'office', now(), '\\x00')"
                ),
                values,
            )
        connection.execute(
            text(
                "INSERT INTO menu_version (version, given_over, name, content, digest, given_by,"
                " given_at, state, faults) VALUES ('aaaaaaaa', 'bbbbbbbb', 'menus.zip', '\\x00',"
                " encode(sha256('\\x00'), 'hex'), 'office', now(), 'unfit',"
                """ '[{"screen": "main", "language": "fr", "why": "too long"}]')"""
            )
        )
        connection.execute(
            text(
                "INSERT INTO published_month (month, published_at, published_by)"
                " VALUES (:month, now(), 'worker')"
            ),
            {"month": _MONTH},
        )
        figures = {
            ("region", REGION): 61,
            ("region", ANOTHER): REGION_FIGURE,
            ("network", "wafacash"): 62,
            ("network", "barid"): NETWORK_FIGURE,
        }
        for (cut, key), value in figures.items():
            connection.execute(
                text("INSERT INTO published_figure VALUES (:month, :cut, :key, 'paid', :value)"),
                {"month": _MONTH, "cut": cut, "key": key, "value": value},
            )


def list_addresses(app: Flask, world: World, method: str, begin: str) -> Iterator[str]:
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        named = rule.rule.startswith(begin) and not rule.rule.startswith(_ONES_OWN)
        if named and method in (rule.methods or ()):
            names = sorted(rule.arguments)
            for values in product(*(list_values(world, rule, name) for name in names)):
                built = dict(zip(names, values, strict=True))
                yield adapter.build(rule.endpoint, built, method)


def list_values(world: World, rule: Rule, name: str) -> list[object]:
    if name == "number":
        places = [place for place in world.numbers if rule.rule.startswith(f"{place}/<")]
        return world.numbers[max(places, key=len)]
    return world.numbers[name]


def list_marks(world: World, role: str) -> set[str]:
    """Returns the strings that no answer to this role may hold."""
    marks = {ref for kind, ref in world.requests.items() if not _sees_request(role, kind)}
    if role not in _SEES_PEOPLE:
        # A desk calls who asked it; a chamber has Hassan before it.
        inside = {"chamber": (HASSAN, "+212600000003"), BANK_DESK: (HASSAN,)}.get(role, ())
        outside = {name: phone for name, phone in world.people.items() if phone not in inside}
        marks |= set(outside) | set(outside.values())
        marks |= {f"0{phone.removeprefix('+212')}" for phone in outside.values()}
    if role not in _SEES_NETWORKS:
        marks |= {BARID_AGENT, "barid-bank", "barid-day.csv", "barid-given.csv", "BARID-REF-1"}
        # Where somebody paid is shown with the payment.
        marks |= set() if role == "helpdesk" else {"B-FES-01", "Barid Fes"}
    if role not in _SEES_NETWORKS:
        marks |= {NOTICE}
    if role not in ("cnss", "auditor"):
        marks |= {world.batch}
    if role not in ("cnss", *_SEES_PEOPLE):
        marks |= {CLAIM}
    if role in ("chamber", "wafacash", "helpdesk", BANK_DESK):
        marks |= {REGION_FIGURE} | ({NETWORK_FIGURE})
    return marks


def _sees_request(role: str, kind: str) -> bool:
    return role in _SEES_PEOPLE or kind in _REQUESTS.get(role, ())


def read_outside(engine: Engine, world: World, role: str) -> dict[str, str]:
    """Returns a digest of all rows of each table that this role may not change."""
    people = "true"
    if role == "helpdesk":
        people = "false"
    elif role == "chamber":
        people = f"a.region <> '{REGION}'"
    network = "network = 'barid'" if role == "wafacash" else "true"
    seen = role != "auditor"
    references = [
        r for kind, r in world.requests.items() if not (seen and _sees_request(role, kind))
    ]
    listed = ", ".join(f"'{reference}'" for reference in references) or "''"
    agency = f"SELECT code FROM agency WHERE {network}"
    wanted = {
        "artisan": people.replace("a.region", "t.region"),
        "message": f"t.phone IN (SELECT a.phone FROM artisan a WHERE {people})",
        "help_request": f"t.reference IN ({listed})",
        "agent": f"t.agency_code IN ({agency})",
        "uploaded_file": f"t.kind = 'settlement' AND t.{network}" if role == "wafacash" else "true",
        **dict.fromkeys(
            _PEOPLE_TABLES, f"t.artisan_id IN (SELECT a.id FROM artisan a WHERE {people})"
        ),
        **dict.fromkeys(_NETWORK_TABLES, f"t.{network}" if network != "true" else "true"),
        **{table: "true" for table, own in _OF_ROLE.items() if own != role},
    }
    if role == "cnss":
        # Claims, answers and what it refused are CNSS's own, and so are the months it is sent.
        for table in ("claim", "contribution_allocation"):
            del wanted[table]
        wanted["uploaded_file"] = "t.kind = 'settlement'"
        wanted["reconciliation_break"] = "t.kind <> 'posting_refused'"
    if role == "operator":
        # Reminders and broadcasts go to everybody.
        del wanted["message"]
    with engine.connect() as connection:
        return {
            table: connection.execute(
                text(
                    "SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
                    f" FROM {table} t WHERE {where}"
                )
            ).scalar_one()
            for table, where in wanted.items()
        }
