"""SMS providers' posts: authenticates, reads and stores reports, messages and opt-outs.

A post that can be read is answered 200 once it is stored. It is answered 503 while the database is
away, so that the provider posts it again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog
from flask import Blueprint, Response, abort, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from app.base.errors import InvalidInput
from app.base.operation import operation
from app.base.phone import Phone
from app.keywords.service import answer_sms
from app.messaging.opt_outs import record_provider_opt_out
from app.messaging.reports import store_report
from app.observe import metrics
from app.runtime import runtime
from app.settings import Settings
from app.sms.fields import NoPhone
from app.sms.provider import Reader
from app.sms.registry import PROVIDERS, Form, Registered, Signed
from app.web.access import Audience, open_to
from app.web.callbacks import is_admitted, is_from_source

_log = structlog.get_logger("sms")


def blueprint(settings: Settings) -> Blueprint:
    """Registers the providers' addresses; without signatures they carry the token in production."""
    pages = Blueprint("sms", __name__, url_prefix="/sms")
    for name, provider in PROVIDERS.items():
        for path, answer in _find_answers(name, provider).items():
            _add(pages, settings, name, path, provider.signed, answer)
    return pages


def _find_answers(name: str, provider: Registered) -> dict[str, Callable[[], Response]]:
    """Returns the functions that answer the provider's posts, by the end of their addresses."""
    answers: dict[str, Callable[[], Response]] = {}
    if reader := provider.reader:
        answers[reader.report_path] = partial(_report, name, reader)
        answers["inbound"] = partial(_inbound, name, reader)
    if provider.read_optout:
        answers["optout"] = partial(_optout, name, provider.read_optout)
    return answers


def _add(
    pages: Blueprint,
    settings: Settings,
    name: str,
    path: str,
    proof: Signed | None,
    answer: Callable[[], Response],
) -> None:
    address, endpoint = f"/{name}/{path}", f"{name}_{path}"

    @open_to(Audience.PROVIDER)
    def with_token(given: str) -> Response:
        if not is_admitted(settings, name, given, request.remote_addr):
            abort(404)
        return _read(answer)

    @open_to(Audience.DEVELOPMENT)
    def without_token() -> Response:
        return _read(answer)

    if proof:
        signed = open_to(Audience.PROVIDER)(
            partial(_read, partial(_check_signature, settings, name, proof, answer))
        )
        pages.add_url_rule(address, endpoint, signed, methods=["POST"])
        return
    if not settings.production:
        pages.add_url_rule(address, endpoint, without_token, methods=["POST"])
    pages.add_url_rule(f"{address}/<given>", f"{endpoint}_token", with_token, methods=["POST"])


def _check_signature(
    settings: Settings, name: str, proof: Signed, answer: Callable[[], Response]
) -> Response:
    path, headers = request.full_path.rstrip("?"), dict(request.headers)
    from_source = is_from_source(settings, name, request.remote_addr)
    if not proof(settings, path, request.form, headers) or not from_source:
        abort(403)
    return answer()


def _read(answer: Callable[[], Response]) -> Response:
    """Returns the answer, or 400 with one line of reason for a post that cannot be read.

    A sender that is a name or a short code is no fault of the provider's: nothing is done.
    """
    try:
        return answer()
    except RequestEntityTooLarge:
        return Response("body: over 24 KiB", 400, content_type="text/plain")
    except NoPhone:
        _log.info("sms_from_no_phone", request_id=g.request_id)
        return Response("", content_type="text/plain")
    except InvalidInput as error:
        why = f"{error.params['what']}: {error.params['why']}"
        return Response(why, 400, content_type="text/plain")


def _report(provider: str, reader: Reader) -> Response:
    report, maalem = reader.read_report(request.form, request.args), runtime()
    providers = maalem.settings.sms_providers
    with operation(maalem.database, maalem.clock(), f"provider:{provider}") as change:
        came = store_report(change, provider, report, providers)
    metrics.delivery_reports.labels(provider, report.outcome or "unknown_word").inc()
    _log.info("sms_report", request_id=g.request_id, provider=provider, came=came)
    return Response("", content_type="text/plain")


def _inbound(provider: str, reader: Reader) -> Response:
    sms, maalem = reader.read_inbound(request.form), runtime()
    with operation(maalem.database, maalem.clock(), "artisan") as current:
        outcome = answer_sms(current, maalem.services, provider, sms)
    _log.info(
        "sms_in",
        request_id=g.request_id,
        provider=provider,
        phone=sms.sender,
        keyword=outcome.keyword or "?",
        answered=outcome.answered,
    )
    thanks = reader.thanks
    return Response(thanks, content_type="text/xml" if thanks else "text/plain")


def _optout(provider: str, read: Callable[[Form], Phone]) -> Response:
    """Records that a phone opted out at the provider: no more reminders and news."""
    phone, maalem = read(request.form), runtime()
    with operation(maalem.database, maalem.clock(), f"provider:{provider}") as change:
        new = record_provider_opt_out(change, provider, phone)
    _log.info("sms_optout", request_id=g.request_id, phone=phone, new=new)
    return Response("", content_type="text/plain")
