"""Plays stories written as data: what is dialled and answered, shown, and done by others.

A file holds one person's stories. A step is one of

    dial: CHAIN         a new session, with CHAIN dialled behind the code ("" for the code alone)
    answer: DIGITS      typed in the session
    read: all           the further pages of the screen: `shows` may be on any of them
    paid: true          an agent takes the cash for the live code
    asked: PHONE        another phone asks for a code for all that its artisan owes
    posted: DAY         CNSS credits the deposits that were received
    lost: PROVIDER      the provider sent the receipts, and reports that none arrived
    cnss: {FIELD: ...}  the artisan's fields in the register change
    wait: {days: 1}     time passes; `at: MOMENT` sets the clock, as clocks in Morocco show it

beginning at 11:00 on 23 November 2026. After dial and answer stand `shows` and `hides` (fragments),
`code` (the code on the screen, by a name: the same name is the same code), `screen` (the name of
the screen) and `ends: true`. `<rna_number>` and its like are the person's own.
`wrong: true` marks an answer not understood: it is left out when the chain is dialled again, as it
would end the walk. `changes: true` marks a hop that changes what the first screens say, or behind
the choice of a person, so that its chain cannot be dialled again. `steady: true` marks a hop after
which the line must not break.
"""

from __future__ import annotations

import json
import re
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select, text, update

from app.agents.models import agent
from app.agents.queries import find_agent
from app.base.clock import CASABLANCA, local
from app.base.operation import Operation, operation
from app.base.phone import Phone
from app.enrolment.models import artisan
from app.enrolment.samples import SAMPLE_IDENTITIES
from app.enrolment.service import choose_language
from app.messaging.reports import store_report
from app.payments.codes import CodeRequest, issue_code
from app.payments.collector import at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.runtime import Runtime
from app.sms.provider import Report
from tests.conftest import TestClock
from tests.phone import TestPhone
from tests.waiting import hops_key

FOLDER = Path(__file__).parent
_CODE = re.compile(r"(?<!\d)(\d{4} \d{4} \d{4})(?!\d)")
_AWAY = ("away", "away.short")
_BEGINNING = datetime(2026, 11, 23, 11, 0, tzinfo=CASABLANCA)


@dataclass(frozen=True)
class Story:
    """One conversation of a file."""

    file: str
    name: str
    phone: str
    language: str
    one_language: bool
    steps: list[dict[str, Any]]

    def __str__(self) -> str:
        return f"{self.file}-{self.name}"


def stories() -> list[Story]:
    """Returns all stories, in the order of the files."""
    result = []
    for path in sorted(FOLDER.glob("*.yaml")):
        body = yaml.safe_load(path.read_text("utf-8"))
        for name, steps in body["stories"].items():
            one_language = bool(body.get("one_language", False))
            result.append(
                Story(path.stem, name, body["phone"], body["language"], one_language, steps)
            )
    return result


@dataclass
class Player:
    """Plays one story on one phone, whose line may break after each hop.

    With `dropped` the whole chain is dialled again; with `resumed` only the code is, and the
    dialogue is taken up.
    """

    runtime: Runtime
    phone: TestPhone
    story: Story
    dropped: bool = False
    resumed: bool = False
    checks_words: bool = True
    codes: dict[str, str] = field(default_factory=dict)
    understood: list[str] = field(default_factory=list)

    def play(self) -> None:
        self._set_clock(_BEGINNING)
        for number, step in enumerate(self.story.steps, 1):
            try:
                self._play(dict(step))
            except AssertionError as error:
                error.add_note(f"step {number}: {step}\nthe phone shows:\n{self.phone.screen}")
                raise

    def choose_language(self, language: str) -> None:
        """Chooses the language of the phone, before the story."""
        with operation(self.runtime.database, self.runtime.clock(), "artisan") as change:
            choose_language(change, Phone(self.story.phone), language)

    def _play(self, step: dict[str, Any]) -> None:
        (kind, value), *expected = step.items()
        if kind == "dial":
            chain = "*".join(self._fill_in(typed) for typed in str(value).split("*"))
            self.phone.dial(self.story.phone, chain)
            self.understood = [chain] if chain else []
        elif kind == "answer":
            typed = self._fill_in(str(value))
            self.phone.answer(typed)
            self.understood += [] if step.get("wrong") else [typed]
        elif kind == "read":
            self._read(dict(expected))
            return
        else:
            assert not expected
            self._play_event(kind, value)
            return
        self._check(dict(expected))
        repeatable = self.phone.more and not step.get("wrong") and not step.get("changes")
        if self.resumed and self.phone.more and not step.get("steady"):
            self._dial_anew(dict(expected), bool(step.get("wrong")))
        if self.dropped and repeatable:
            self.phone.dial(self.story.phone, "*".join(self.understood))
            self._check(dict(expected))

    def _read(self, expected: dict[str, Any]) -> None:
        """Reads the screen to its last page; the number of pages differs between languages."""
        pages = [self.phone.screen]
        words = self.runtime.words
        more = {words.say(language, "footer.more") for language in words.languages}
        while any(self.phone.screen.endswith(footer) for footer in more):
            self.phone.answer("9")
            self.understood.append("9")
            pages.append(self.phone.screen)
        self._check_words(expected, "\n".join(pages))

    def _dial_anew(self, expected: dict[str, Any], wrong: bool) -> None:
        """Dials after a broken line, and checks that an offer leads back to the same screen.

        Where nothing is offered the session goes on: nothing was begun.
        """
        before, line = self.phone.screen, copy(vars(self.phone))
        self.phone.dial(self.story.phone)
        words = self.runtime.words
        offers = {f"1 {words.say(language, 'broken_off.1')}" for language in words.languages}
        if not offers & set(self.phone.screen.split("\n")):
            vars(self.phone).update(line)
            return
        self.phone.answer("1")
        pin_prompts = tuple(words.say(language, "pin") for language in words.languages)
        if self.phone.screen.startswith(pin_prompts):
            if before.startswith(pin_prompts):
                return
            self.phone.answer(self._fill_in("<pin>"))
        if wrong:
            # A list's reason may have stood in place of its first line.
            lines = self.phone.screen.split("\n")[:2]
            assert any(line in before for line in lines), "the question without the reason"
        else:
            assert self.phone.screen == before
            self._check(expected)

    def _check(self, expected: dict[str, Any]) -> None:
        screen = self.phone.screen
        for key in _AWAY:
            for language in self.runtime.words.languages:
                assert self.runtime.words.say(language, key) not in screen
        assert self.phone.more == (not expected.get("ends", False))
        self._check_words(expected, screen)

    def _check_words(self, expected: dict[str, Any], screen: str) -> None:
        if "screen" in expected:
            self._check_screen(expected["screen"])
        if not self.checks_words:
            return
        for fragment in expected.get("shows", []):
            assert fragment in screen, f"{fragment!r} is not shown"
        for fragment in expected.get("hides", []):
            assert fragment not in screen, f"{fragment!r} is shown"
        if name := expected.get("code"):
            self._check_code(name, screen)

    def _check_code(self, name: str, screen: str) -> None:
        shown = _CODE.findall(screen)
        assert len(shown) == 1, "not exactly one code is shown"
        assert self.codes.setdefault(name, shown[0]) == shown[0], f"not the code named {name}"
        assert len(set(self.codes.values())) == len(self.codes), "two names for one code"

    def _fill_in(self, answer: str) -> str:
        """Replaces the kind of a personal answer by the person's own value, and `?` by `#`."""
        # An unknown phone identifies as Brahim (docs/contract.md, Sample people).
        identity = SAMPLE_IDENTITIES.get(self.story.phone) or SAMPLE_IDENTITIES["+212600000004"]
        number, born = identity
        own = {"<rna_number>": number, "<birth_date>": f"{born:%d%m%Y}", "?": "#"}
        own |= {"<pin>": "1357", "<new_pin>": "1357", "<agent_pin>": "246813"}
        own |= {"<town_letters>": "mar", "<payment_code>": self._live_code()}
        return own.get(answer, answer)

    def _check_screen(self, name: str) -> None:
        newest = self.runtime.redis.lindex(hops_key(self.story.phone), -1)
        assert newest and json.loads(newest)[7] == name, f"the screen is not {name}"

    def _play_event(self, kind: str, value: Any) -> None:
        if kind == "wait":
            self._set_clock(local(self.runtime.clock()) + timedelta(**value))
        elif kind == "at":
            self._set_clock(value)
        elif kind == "paid":
            self._pay()
        elif kind == "asked":
            self._issue_code(value)
        elif kind == "lost":
            self._report_lost(str(value))
        elif kind == "posted":
            self._run(
                "UPDATE contribution_allocation SET sent_at = now(), posted_on = :day", day=value
            )
        elif kind == "cnss":
            with self.runtime.database.begin() as connection:
                connection.execute(
                    update(artisan).where(artisan.c.phone == self.story.phone).values(**value)
                )
        else:
            raise ValueError(f"no step is called {kind}")

    def _set_clock(self, moment: datetime) -> None:
        clock = self.runtime.clock
        assert isinstance(clock, TestClock)
        clock.now = moment.replace(tzinfo=CASABLANCA).astimezone(UTC)

    def _issue_code(self, number: str) -> None:
        with operation(self.runtime.database, self.runtime.clock(), "artisan") as change:
            owner = select(artisan.c.id).where(artisan.c.phone == number)
            artisan_id = change.connection.execute(owner).scalar_one()
            issue_code(change, self.runtime.services, CodeRequest(artisan_id, Phone(number), "fr"))

    def _live_code(self) -> str:
        with self.runtime.database.connect() as connection:
            live = text("SELECT max(code) FROM payment_code WHERE state = 'issued'")
            return str(connection.execute(live).scalar())

    def _pay(self) -> None:
        with self.runtime.database.begin() as connection:
            number = connection.execute(select(agent.c.id)).scalar_one()
            collecting_agent = find_agent(connection, number)
            assert collecting_agent
            code = connection.execute(
                text("SELECT code FROM payment_code WHERE state = 'issued'")
            ).scalar_one()
            collector = at_till(collecting_agent, "page")
            redeem_code(
                Operation(connection, self.runtime.clock(), collector.actor),
                self.runtime.services,
                collector,
                CashConfirmation(code, code),
            )

    def _report_lost(self, provider: str) -> None:
        """Marks the receipts' messages as sent, and reports each as not delivered."""
        self._run(
            "UPDATE message SET state = 'sent', sent_at = created_at, provider = :provider,"
            " provider_reference = 'lost-' || id WHERE kind = 'receipt' AND state = 'queued'",
            provider=provider,
        )
        with operation(self.runtime.database, self.runtime.clock(), "worker") as change:
            sent = text("SELECT provider_reference FROM message WHERE state = 'sent'")
            for reference in change.connection.execute(sent).scalars().all():
                store_report(change, provider, Report(reference, "Failed", "failed"))

    def _run(self, sql: str, **values: object) -> None:
        with self.runtime.database.begin() as connection:
            connection.execute(text(sql), values)
