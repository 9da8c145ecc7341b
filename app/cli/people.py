"""`flask people`: the help desk finds, shows, unties, resets, proves and merges."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask.cli import with_appcontext

from app.base.clock import local
from app.base.counts import write_count
from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.base.private_files import replacing
from app.cli.acting import BY, OwnRow, acting, operation_of, sign_in_actor
from app.cli.options import NUMBER
from app.cli.tables import JSON, print_json, print_rows
from app.enrolment.models import artisan
from app.office.errors import RoleMayNotAct
from app.office.rights import Right
from app.people.looks import REASONS
from app.people.personal_data import export_person
from app.people.service import (
    DeskAct,
    FoundPerson,
    ShownPerson,
    WaitingAct,
    do_by_two,
    find_people,
    list_waiting_acts,
    show_person,
    untie_for_desk,
)
from app.runtime import runtime

# A chamber looks at who stands at its counter, on its page alone.
_LOOKS = (Right.HELP_PEOPLE, Right.SEE_AUDIT)
_PERSON = click.argument("person", type=NUMBER, metavar="ID")
_REASON = click.option(
    "--reason", default="call", show_default=True, type=click.Choice(REASONS), help="why you look"
)


class PhoneParam(click.ParamType[Phone]):
    """Reads a phone number in international or Moroccan writing."""

    name = "PHONE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Phone:
        try:
            return value if isinstance(value, Phone) else Phone.parse(str(value))
        except InvalidInput as error:
            self.fail(str(error.params["why"]), param, ctx)


@click.group()
def people() -> None:
    """People of the register, for the help desk. Every look and act is kept with who."""


@people.command()
@click.option("--rna", help="the RNA number, as typed")
@click.option("--phone", help="a phone of the person, the register's or tied")
@click.option("--cnss", help="the CNSS number")
@JSON
@BY
@with_appcontext
def find(
    rna: str | None, phone: str | None, cnss: str | None, as_json: bool, by: str | None
) -> None:
    """Finds people by one number; their ID is what the other commands take."""
    given = {"rna": rna, "phone": phone, "cnss": cnss}
    asked = [(kind, typed) for kind, typed in given.items() if typed is not None]
    if len(asked) != 1:
        raise click.UsageError("one of --rna, --phone and --cnss")
    actor = sign_in_actor(by, *_LOOKS)
    if actor.scope.desk:  # a bank's or the exporters' sees requests and no file
        raise RoleMayNotAct(role=f"{actor.role} of {actor.scope.desk}")
    with operation_of(actor) as change:
        found = find_people(change, *asked[0])
    if as_json:
        print_json([_as_json(person) for person in found])
        return
    print_rows(
        ("id", "name", "rna", "region"),
        ((str(p.id), p.full_name, p.rna_number, p.region or "") for p in found),
        prose=("name", "region"),
    )


@people.command()
@_PERSON
@_REASON
@JSON
@BY
@with_appcontext
def show(person: int, reason: str, as_json: bool, by: str | None) -> None:
    """Shows the person ID: record, phones and how each was proven, and whether there is a PIN."""
    with acting(by, *_LOOKS, rows=(OwnRow(artisan, person, only_seen=True),)) as change:
        shown = show_person(change, person, reason)
    if as_json:
        print_json(_describe(shown))
        return
    for name, value in _describe(shown).items():
        if name != "phones":
            click.echo(f"{name:<12} {'' if value is None else value}")
    for tie in shown.ties:
        since = f" since {local(tie.since):%d/%m/%Y}" if tie.since else ""
        click.echo(f"{'phone':<12} {tie.phone.e164} {tie.way}{since}")


@people.command()
@_PERSON
@click.argument("phone", type=PhoneParam())
@BY
@with_appcontext
def untie(person: int, phone: Phone, by: str | None) -> None:
    """Unties PHONE from the person ID at once, with the PIN that it set."""
    with acting(by, Right.HELP_PEOPLE, rows=(OwnRow(artisan, person),)) as change:
        untie_for_desk(change, person, phone)
    click.echo(f"{phone} is untied from {person}")


@people.command()
@_PERSON
@click.option("--to", type=click.Path(path_type=Path), help="a file, for its owner alone")
@BY
@with_appcontext
def export(person: int, to: Path | None, by: str | None) -> None:
    """Writes all that is kept of the person ID as JSON, for the person to have (law 09-08)."""
    with acting(by, Right.HELP_PEOPLE, rows=(OwnRow(artisan, person),)) as change:
        told = export_person(change, person, "check")
    if to is None:
        print_json(told)
        return
    with replacing(to) as file:
        json.dump(told, file, ensure_ascii=False, indent=1)
    rows = write_count(sum(map(len, told.values())), "row")
    click.echo(f"{rows} of the person {person} in {to}")


@people.command()
@_PERSON
@BY
@with_appcontext
def forget(person: int, by: str | None) -> None:
    """Forgets the person ID (law 09-08); done when a second person gives the same command.

    Payments, receipts and the audit trail stay for as long as the law keeps them.
    """
    _do(DeskAct("forget", person), by, f"{person} is forgotten; what the law keeps stays")


@people.command("reset-pin")
@_PERSON
@BY
@with_appcontext
def reset_pin(person: int, by: str | None) -> None:
    """Removes the PIN of the person ID; done when a second person gives the same command."""
    _do(DeskAct("reset_pin", person), by, f"the PIN of {person} is removed")


@people.command()
@_PERSON
@click.argument("phone", type=PhoneParam())
@BY
@with_appcontext
def prove(person: int, phone: Phone, by: str | None) -> None:
    """Ties PHONE to the person ID, whose papers were seen; a second person gives it too."""
    _do(DeskAct("prove", person, phone=phone), by, f"{phone} is proven to be of {person}")


@people.command()
@_PERSON
@click.argument("double", type=NUMBER)
@BY
@with_appcontext
def merge(person: int, double: int, by: str | None) -> None:
    """Merges the entry DOUBLE into the person ID; done when a second person gives it too."""
    _do(DeskAct("merge", person, double=double), by, f"{double} is merged into {person}")


@people.command()
@JSON
@with_appcontext
def waiting(as_json: bool) -> None:
    """Lists the acts that wait for a second person."""
    with reading(runtime().database) as connection:
        acts = list_waiting_acts(connection)
    if as_json:
        print_json([_describe_act(act) for act in acts])
        return
    print_rows(
        ("number", "act", "person", "by", "at"),
        (
            (str(act.id), act.act, str(act.artisan_id), act.proposed_by, _show_moment(act))
            for act in acts
        ),
        prose=("by",),
    )


def _do(act: DeskAct, by: str | None, done: str) -> None:
    people = (act.artisan_id,) if act.double is None else (act.artisan_id, act.double)
    own = tuple(OwnRow(artisan, person) for person in people)
    with acting(by, Right.HELP_PEOPLE, rows=own) as change:
        is_done = do_by_two(change, runtime().services, act)
    click.echo(done if is_done else "waits for a second person, who gives the same command")


def _show_moment(act: WaitingAct) -> str:
    return f"{local(act.proposed_at):%d/%m %H:%M}"


def _describe_act(act: WaitingAct) -> dict[str, object]:
    return {
        "number": act.id,
        "act": act.act,
        "person": act.artisan_id,
        "by": act.proposed_by,
        "at": local(act.proposed_at).isoformat(timespec="seconds"),
    }


def _as_json(person: FoundPerson) -> dict[str, object]:
    return {
        "id": person.id,
        "name": person.full_name,
        "rna": person.rna_number,
        "region": person.region,
    }


def _describe(shown: ShownPerson) -> dict[str, object]:
    return {
        "id": shown.id,
        "name": shown.full_name,
        "rna": shown.rna_number,
        "cnss": shown.cnss_number,
        "language": shown.language,
        "category": shown.category,
        "region": shown.region,
        "enrolled": shown.enrolled,
        "merged_into": shown.merged_into,
        "pin": shown.has_pin,
        "phones": [{"phone": tie.phone.e164, "way": tie.way} for tie in shown.ties],
    }
