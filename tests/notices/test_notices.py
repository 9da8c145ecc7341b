"""Official notices: in every language or not at all, and gone after their last day."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from flask import Flask

from app.notices.errors import NoticeRefused
from app.notices.rules import read_notice
from app.runtime import Runtime
from app.settings import ROOT
from app.text.languages import LANGUAGES
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

FATIMA, AICHA = "+212600000001", "+212600000005"
SAMPLE = (ROOT / "app/notices/sample_notice.yaml").read_bytes()
pytestmark = pytest.mark.usefixtures("sample_people")


def changed(**fields: object) -> bytes:
    return yaml.safe_dump(yaml.safe_load(SAMPLE) | fields, allow_unicode=True).encode()


def wording(title: object = "Avis", text: object = "Bonjour.") -> dict[str, object]:
    return {"title": title, "text": text}


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b"{", "while parsing"),
        (b"- 1", f"needs name, until and {', '.join(LANGUAGES)}"),
        (changed(extra=1), "nothing else"),
        (changed(name="A b"), "name: small letters"),
        (changed(until="tomorrow"), "until: a day"),
        (changed(fr="Avis"), "fr: needs title and text"),
        (changed(fr=wording("x" * 25)), "fr: 1 to 24 letters"),
        (changed(fr=wording(text="x" * 41)), "fr: 1 to 40 letters"),
        (changed(fr=wording(text=["x"] * 4)), "fr: text of 1 to 3 lines"),
        (changed(fr=wording(text=[])), "fr: text of 1 to 3 lines"),
        (changed(**{"ary-Latn": wording(text="ê")}), "ary-Latn: a letter outside GSM-7"),
    ],
)
def test_read_notice_refuses_what_is_no_notice(written: bytes, why: str) -> None:
    with pytest.raises(NoticeRefused) as refused:
        read_notice(written)
    assert why in refused.value.params["why"]


def test_notice_is_published_changed_and_withdrawn(
    app: Flask, phone: TestPhone, runtime: Runtime, tmp_path: Path
) -> None:
    def run(*words: str) -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=["notices", *words])
        return result.exit_code, result.output

    file = tmp_path / "notice.yaml"
    file.write_bytes(changed(name="avis", fr=wording("Amnistie", "Plus de retard en mars.")))
    assert run("publish", str(file))[0] == 0
    assert "1 Amnistie" in phone.dial(FATIMA, "5*3")
    assert "Plus de retard en mars." in phone.answer("1")
    phone.answer("00")
    file.write_bytes(changed(name="avis", fr=wording("Amnistie", "Finie.")))
    assert run("publish", str(file))[0] == 0
    assert "Finie." in phone.dial(FATIMA, "5*3*1")
    phone.answer("00")
    assert run("withdraw", "avis") == (0, "notice avis is withdrawn\n")
    assert run("withdraw", "avis")[0] == 1
    assert "Amnistie" not in phone.dial(FATIMA, "5*3")


def test_phone_shows_a_notice_in_its_language_until_its_last_day(
    phone: TestPhone, runtime: Runtime
) -> None:
    assert "مبلغ سنة 2026" in phone.dial(AICHA, "5*3")
    phone.answer("00")
    OtherParties(runtime).run("UPDATE notice SET until = '2026-11-22'")
    assert "لا إعلان" in phone.dial(AICHA, "5*3")
