"""Hops that share the server's thread show each phone its own screens, as one alone does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import requests

CHAINS = ("", "1", "1*0", "1*0*3", "1*0*3*0", "1*0*3*0*4", "1*0*3*0*4*0", "1*0*3*0*4*0*5")
PHONES = [f"+21260000000{number}" for number in range(1, 9)]


def play(base: str, phone: str, session: str) -> list[str]:
    """Returns all that a phone is shown in a talk."""
    with requests.Session() as gateway:
        return [_ask(gateway, base, phone, session, chain) for chain in CHAINS]


def _ask(gateway: requests.Session, base: str, phone: str, session: str, chain: str) -> str:
    form = {"sessionId": session, "serviceCode": "*384#", "networkCode": "60401"}
    form |= {"phoneNumber": phone, "text": chain}
    answer = gateway.post(f"{base}/ussd/africastalking", data=form, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_many_phones_at_once_see_what_each_sees_alone(live_server: str) -> None:
    alone = {phone: play(live_server, phone, f"alone-{phone}") for phone in PHONES}
    assert len({tuple(shown) for shown in alone.values()}) > 3, "people stand differently"
    assert not [text for shown in alone.values() for text in shown if "Panne" in text]
    with ThreadPoolExecutor(2 * len(PHONES)) as phones:
        for number in range(6):
            sessions = [(phone, f"{number}-{side}") for phone in PHONES for side in "ab"]
            shown = phones.map(lambda each: play(live_server, *each), sessions)
            for (phone, session), texts in zip(sessions, shown, strict=True):
                assert texts == alone[phone], (phone, session)
