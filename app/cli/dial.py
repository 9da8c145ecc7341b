"""`flask dial`: a phone in the terminal that takes the same path as a gateway's callback."""

from __future__ import annotations

import uuid
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from werkzeug.test import Client

from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.cli.menu_folders import MENUS_OPTION, use_menus
from app.observe.logs import set_up_logs
from app.runtime import runtime
from app.text.encoding import UCS2, encoding_of, units
from app.ussd.checker.check import find_faults


@click.command()
@click.argument("code")
@click.option("--phone", required=True, help="the caller, such as +212600000001")
@MENUS_OPTION
@with_appcontext
def dial(code: str, phone: str, folder: Path | None) -> None:
    """Dials CODE (`*384#`, or `*384*2*1#` to go straight on) as PHONE.

    With --menus the phone shows words that are not live yet, and what is wrong with them is told.
    """
    if runtime().settings.production:
        raise click.ClickException("there is no simulated phone in production")
    use_menus(folder)
    if folder:
        _tell_faults()
    try:
        caller = Phone.parse(phone)
    except InvalidInput as error:
        raise click.BadParameter(error.params["why"], param_hint="--phone") from None
    set_up_logs("error")  # logs must not stand between the screens
    service, chain = _split_code(code, runtime().settings.ussd_code)
    client, session_id = Client(current_app), f"dial-{uuid.uuid4().hex}"
    while True:
        answer = client.post(
            "/ussd/africastalking",
            data={
                "sessionId": session_id,
                "serviceCode": service,
                "phoneNumber": caller.e164,
                "networkCode": "99999",
                "text": chain,
            },
        )
        if answer.status_code != 200:
            raise click.ClickException(f"{answer.status_code}: {answer.get_data(as_text=True)}")
        kind, _, screen = answer.get_data(as_text=True).partition(" ")
        _show(screen)
        if kind == "END":
            return
        try:
            typed = click.prompt("", prompt_suffix="> ", default="", show_default=False)
        except click.Abort:
            return
        chain = f"{chain}*{typed}" if chain else typed


def _tell_faults() -> None:
    """Prints what `flask menus check` would refuse; the phone shows it all the same."""
    maalem = runtime()
    for fault in find_faults(maalem.ussd, maalem.declarations, maalem.limits):
        click.secho(str(fault), err=True, dim=True)


def _split_code(code: str, service_code: str) -> tuple[str, str]:
    """Returns the service's own code, and the inputs dialled behind it."""
    body, own = code.strip().removesuffix("#"), service_code.removesuffix("#")
    if body == own:
        return service_code, ""
    if body.startswith(own + "*"):
        return service_code, body[len(own) + 1 :]
    raise click.BadParameter(f"the service is {service_code}", param_hint="CODE")


def _show(screen: str) -> None:
    """Prints the screen, and how much of the gateway's limit it takes."""
    limits = runtime().limits["africastalking"]
    most = limits.ucs2 if encoding_of(screen) == UCS2 else limits.septets
    click.echo(f"\n{screen}")
    click.secho(f"[{units(screen)}/{most} {encoding_of(screen)}]", dim=True)
