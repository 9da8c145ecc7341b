"""`flask sms fake-provider`: the loopback server in the foreground."""

from dataclasses import replace

import click

from app.settings import read_settings
from app.sms.loopback.options import Addresses, Options, Reports
from app.sms.loopback.server import run

_SHARE = click.FloatRange(0, 1)


@click.command()
@click.option("--port", default=8900, show_default=True, help="on the loopback address; 0 any")
@click.option("--latency-ms", default=200, show_default=True, help="what an answer takes")
@click.option("--faults", default=0.0, type=_SHARE, help="share of requests that go wrong")
@click.option("--seed", default=1, show_default=True, help="the same faults again")
@click.option("--report-delay-ms", default=300, show_default=True, help="between reports")
@click.option(
    "--report-faults",
    default=0.0,
    type=_SHARE,
    help="share of messages whose reports say failed; as many are told twice, in disorder, "
    "with unknown words, or never",
)
@click.option("--callbacks", help="the service to report to; PUBLIC_URL if left out")
@click.option("--delivery-url", help="another address for Africa's Talking's reports")
def main(
    port: int,
    latency_ms: int,
    faults: float,
    seed: int,
    report_delay_ms: int,
    report_faults: float,
    callbacks: str | None,
    delivery_url: str | None,
) -> None:
    """Serves both providers' APIs on this machine, until Ctrl-C. Nothing is sent to anybody.

    AFRICASTALKING_URL and TWILIO_URL are to be its address. It takes the configured credentials,
    or any if none are, and signs with TWILIO_AUTH_TOKEN. /control sets faults while it runs.
    """
    settings, rude = read_settings(), report_faults
    base = callbacks or settings.public_url
    token = (settings.tokens_of("africastalking") or (b"",))[-1].decode()
    addresses = Addresses.under(base, token) if base else Addresses()
    options = Options(
        latency_ms=latency_ms,
        seed=seed,
        api_key=settings.africastalking_api_key.get_secret_value(),
        auth_token=settings.twilio_auth_token.get_secret_value(),
        reports=Reports(report_delay_ms, rude, rude, rude, rude, rude),
        addresses=replace(addresses, delivery=delivery_url or addresses.delivery),
    )
    run(options, port, faults, lambda url: click.echo(f"both providers on {url}"))


main(prog_name="flask sms fake-provider")
