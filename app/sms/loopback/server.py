"""The loopback server: both APIs and the control addresses on one port.

Control: `GET /control/messages` (counts; `?list=true` names each message), `GET /control/requests`
(the last requests), `POST /control` (options, `reports`, `addresses`, the share `faults`, `kinds`,
`only` one provider, `next` faults),
`DELETE /control` (forgets all messages), `POST /control/inbound` and `/control/optout` (a phone
writes).
"""

import asyncio
import secrets
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

import aiohttp
from aiohttp import web

from app.base.errors import InvalidInput
from app.sms.loopback import africastalking, twilio
from app.sms.loopback.callbacks import post
from app.sms.loopback.faults import check_kinds
from app.sms.loopback.network import LoopbackNetwork
from app.sms.loopback.options import Options, changed
from app.sms.loopback.provider import LoopbackProvider

_TWILIO = "/2010-04-01/Accounts/{account}/Messages.json"
_TWILIO_ACCOUNT = "/2010-04-01/Accounts/{account}.json"
_TWILIO_BALANCE = "/2010-04-01/Accounts/{account}/Balance.json"
_LARGEST = 64 * 1024


async def serve(options: Options, port: int, share: float, ready: Callable[[str], None]) -> None:
    """Serves on the loopback address until cancelled; port 0 takes a free one."""
    network = LoopbackNetwork(options, share)
    runner = web.AppRunner(_application(network), access_log=None, shutdown_timeout=1)
    await runner.setup()
    posting = asyncio.create_task(network.posts.run())
    try:
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        ready(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await asyncio.Event().wait()
    finally:
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
        await runner.cleanup()


def run(options: Options, port: int, share: float, ready: Callable[[str], None]) -> None:
    """Serves in the foreground until SIGINT or SIGTERM."""
    asyncio.run(_run_until_signal(serve(options, port, share, ready)))


async def _run_until_signal(serving: Coroutine[None, None, None]) -> None:
    task = asyncio.ensure_future(serving)
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


@contextmanager
def running(options: Options = Options(), share: float = 0.0) -> Iterator[str]:  # noqa: B008
    """Runs the server in a thread of this process, on a free port; yields its address."""
    loop, ready = asyncio.new_event_loop(), Future[str]()
    task = loop.create_task(serve(options, 0, share, ready.set_result))
    thread = threading.Thread(target=_run_loop, args=(loop, task, ready), daemon=True)
    thread.start()
    try:
        yield ready.result(30)
    finally:
        with suppress(RuntimeError):  # it ended by itself
            loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


def _run_loop(
    loop: asyncio.AbstractEventLoop, task: asyncio.Task[None], ready: Future[str]
) -> None:
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        pass
    except Exception as error:  # for the thread that waits for it
        ready.set_exception(error)
    finally:
        loop.close()


def _application(network: LoopbackNetwork) -> web.Application:
    app = web.Application(client_max_size=_LARGEST, middlewares=[_answer_invalid_input])
    app.add_routes(
        [
            web.post("/version1/messaging", _send_through(network, africastalking, "api_key")),
            web.post(_TWILIO, _send_through(network, twilio, "auth_token")),
            web.get(_TWILIO, _with_network(network, _list)),
            web.get("/version1/user", _with_network(network, _show_africastalking)),
            web.get(_TWILIO_ACCOUNT, _with_network(network, _show_twilio)),
            web.get(_TWILIO_BALANCE, _with_network(network, _show_twilio_balance)),
            web.get("/control/messages", _with_network(network, _count_messages)),
            web.get("/control/requests", _with_network(network, _list_requests)),
            web.post("/control", _with_network(network, _set_options)),
            web.delete("/control", _with_network(network, _forget)),
            web.post("/control/inbound", _with_network(network, _post_inbound)),
            web.post("/control/optout", _with_network(network, _opt_out)),
        ]
    )
    return app


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _with_network(
    network: LoopbackNetwork,
    do: Callable[[LoopbackNetwork, web.Request], Awaitable[web.StreamResponse]],
) -> _Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await do(network, request)

    return answer


def _send_through(network: LoopbackNetwork, side: LoopbackProvider, key: str) -> _Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await network.send(request, side, getattr(network.options, key))

    return answer


@web.middleware
async def _answer_invalid_input(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (InvalidInput, ValueError) as error:
        return web.json_response({"error": str(error)}, status=400)


async def _list(network: LoopbackNetwork, request: web.Request) -> web.StreamResponse:
    if not twilio.is_signed_in(request, network.options.auth_token):
        return twilio.fault("code:20003", {})
    if fault := await network.draw_fault_of_look(twilio.NAME, twilio.THROTTLED):
        return twilio.fault(fault, {})
    return web.json_response(twilio.list_messages(request.path, request.query, network.store))


async def _show_africastalking(
    network: LoopbackNetwork, request: web.Request
) -> web.StreamResponse:
    if refused := africastalking.refuse_account(request, network.options.api_key):
        return refused
    if fault := await network.draw_fault_of_look(africastalking.NAME):
        return africastalking.fault(fault, {})
    return web.json_response(africastalking.describe_account(network.options.balance))


async def _show_twilio(network: LoopbackNetwork, request: web.Request) -> web.StreamResponse:
    if not twilio.is_signed_in(request, network.options.auth_token):
        return twilio.fault("code:20003", {})
    if fault := await network.draw_fault_of_look(twilio.NAME, twilio.THROTTLED):
        return twilio.fault(fault, {})
    account = request.match_info["account"]
    return web.json_response(twilio.describe_account(account, network.options.account))


async def _show_twilio_balance(
    network: LoopbackNetwork, request: web.Request
) -> web.StreamResponse:
    if not twilio.is_signed_in(request, network.options.auth_token):
        return twilio.fault("code:20003", {})
    account = request.match_info["account"]
    return web.json_response(twilio.describe_balance(account, network.options.balance))


async def _count_messages(network: LoopbackNetwork, request: web.Request) -> web.StreamResponse:
    counts = network.counts()
    if request.query.get("list"):
        counts["messages"] = network.store.list_messages()
    return web.json_response(counts)


async def _list_requests(network: LoopbackNetwork, _request: web.Request) -> web.StreamResponse:
    return web.json_response(list(network.last))


async def _set_options(network: LoopbackNetwork, request: web.Request) -> web.StreamResponse:
    values = await request.json()
    faults, options = network.faults, network.options
    kinds, following = check_kinds(values.pop("kinds", faults.kinds)), values.pop("next", ())
    only = values.pop("only", faults.only)
    share = float(values.pop("faults", faults.share))
    for part in ("reports", "addresses"):
        values[part] = changed(getattr(options, part), values.get(part, {}))
    network.options = changed(options, values)
    faults.kinds, faults.share, faults.only = kinds, share, only
    faults.next.extend(check_kinds(following))
    return web.json_response({"faults": share, "kinds": kinds, "next": list(faults.next)})


async def _forget(network: LoopbackNetwork, _request: web.Request) -> web.StreamResponse:
    network.store.forget()
    for counter in (network.requests, network.faults.happened, network.posts.answered):
        counter.clear()
    network.connections.clear()
    network.last.clear()
    network.faults.next.clear()
    return web.json_response({})


async def _post_inbound(network: LoopbackNetwork, request: web.Request) -> web.StreamResponse:
    values, addresses = await request.json(), network.options.addresses
    by_twilio = values.get("provider") == twilio.NAME
    side: LoopbackProvider = twilio if by_twilio else africastalking
    form = side.inbound(values.get("id") or secrets.token_hex(8), values["from"], values["text"])
    address = addresses.twilio_inbound if by_twilio else addresses.inbound
    return await _post_form(network, address, form, signed=by_twilio)


async def _opt_out(network: LoopbackNetwork, request: web.Request) -> web.StreamResponse:
    form = {"senderId": "MAALEM", "phoneNumber": (await request.json())["from"]}
    return await _post_form(network, network.options.addresses.optout, form, signed=False)


async def _post_form(
    network: LoopbackNetwork, address: str, form: dict[str, str], *, signed: bool
) -> web.StreamResponse:
    if not address:
        raise InvalidInput(what="addresses", why="nowhere to post it")
    async with aiohttp.ClientSession() as session:
        status = await post(session, address, form, network.options.auth_token if signed else "")
    return web.json_response({"status": status})
