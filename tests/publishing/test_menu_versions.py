"""Another version of the menus: given, checked, made live by two people, gone back from."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from werkzeug.test import TestResponse

from app.base.errors import Unavailable
from app.base.operation import operation
from app.jobs.office import OfficeWork
from app.publishing.errors import MenusOutdated, MenusRefused, MenuVersionUnknown
from app.publishing.following import MenuFollower
from app.publishing.packing import read_folder, read_zip
from app.publishing.service import (
    approve_menus,
    begin_check,
    give_menus,
    go_back,
    keep_faults,
)
from app.runtime import MENUS, Runtime
from app.ussd.versions import _key as version_key
from tests.phone import TestPhone
from tests.web.office.conftest import Staff, send, staff, tokens_of  # noqa: F401 - a fixture here too

FATIMA = "+212600000001"
FRENCH = "locales/fr/LC_MESSAGES/menus.po"
PAGE = "/office/menus"


@pytest.fixture(autouse=True)
def followed(runtime: Runtime, owner: Engine) -> Iterator[None]:
    """Leaves the process with the program's own menus, as it was."""
    yield
    with owner.begin() as connection:
        connection.execute(text("TRUNCATE menu_publication, menu_version"))
    runtime.follow_menus()


def reword(old: str, new: str) -> bytes:
    """The French words with a sentence changed."""
    content = (MENUS / FRENCH).read_text("utf-8")
    assert old in content
    return content.replace(old, new, 1).encode()


def make_zip(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return packed.getvalue()


def make_reworded() -> bytes:
    words = reword('msgstr "Mon AMO"', 'msgstr "Ma couverture"')
    return make_zip(**{f"menus/{FRENCH}": words, "menus/.DS_Store": b"x"})


def give(browser: FlaskClient, content: bytes, name: str = "menus.zip") -> TestResponse:
    data = {**tokens_of(browser.get(PAGE)), "file": (io.BytesIO(content), name)}
    return browser.post(f"{PAGE}/versions", data=data, content_type="multipart/form-data")


def give_checked(runtime: Runtime, words: bytes | None = None, by: str = "nadia") -> int:
    """Gives a version whose check found nothing, without the seconds that a real one takes."""
    files = {FRENCH: words or reword('msgstr "Mon AMO"', 'msgstr "Ma couverture"')}
    with operation(runtime.database, runtime.clock(), by) as change:
        own = runtime.live_menus.own.pack()
        number = give_menus(change, "menus.zip", files, own)
    with operation(runtime.database, runtime.clock(), "worker") as change:
        keep_faults(change, number, [])
    return number


def approve(runtime: Runtime, number: int, by: str = "karim") -> None:
    with operation(runtime.database, runtime.clock(), by) as change:
        approve_menus(change, number, runtime.live_menus.own.engine.version)


def first_screen(phone: TestPhone) -> str:
    return phone.dial(FATIMA)


def test_two_people_make_a_checked_version_live_and_one_goes_back(
    staff: Staff,  # noqa: F811
    runtime: Runtime,
    phone: TestPhone,
    app: Flask,
) -> None:
    own = runtime.ussd.version
    nadia, karim = staff.enter("nadia", "operator"), staff.enter("karim", "operator")
    given = give(nadia, make_reworded())
    assert given.status_code == 303
    page = given.location.partition("?")[0]
    assert "attend qu&#39;un programme" in nadia.get(page).text
    assert OfficeWork(runtime).check_menus() == 1
    assert OfficeWork(runtime).check_menus() == 0
    seen = karim.get(page).text
    assert "Mon AMO" in seen and "Ma couverture" in seen
    assert "Menus vérifiés à publier" in karim.get("/office").text
    assert send(nadia, page, f"{page}/approve").status_code == 409
    assert not runtime.follow_menus()
    not_followed = "ne montre pas la version en service"
    assert not_followed not in karim.get(PAGE).text
    form = tokens_of(karim.get(page))
    assert karim.post(f"{page}/approve", data=form).status_code == 303
    assert karim.post(f"{page}/approve", data=form).status_code == 409

    assert not_followed in karim.get(PAGE).text
    assert "1 Mon AMO" in first_screen(phone)
    begun = phone.session
    # Redis may have lost the version that this process has shown.
    runtime.redis.delete(version_key(own))
    assert runtime.follow_menus() and not runtime.follow_menus()
    # A talk that was begun goes on with the words it began with; who dials now gets the new ones.
    phone.answer("1")
    assert "1 Mon AMO" in phone.answer("00")
    assert phone.session == begun
    assert "1 Ma couverture" in first_screen(phone)
    assert runtime.services.words.say("fr", "main.1") == "Ma couverture"
    listed = karim.get(PAGE).text
    assert "<bdi>karim</bdi>" in listed and not_followed not in listed

    # Redis is lost, and another process starts: PostgreSQL says what is live.
    runtime.redis.flushdb()
    runtime.show_menus(None)
    fresh = MenuFollower(lambda: runtime.database, runtime.show_menus)
    assert fresh.look()
    assert "1 Ma couverture" in first_screen(phone)

    answer = send(karim, PAGE, f"{PAGE}/back", version="own", reason="un mot manque")
    assert answer.status_code == 303
    assert runtime.follow_menus() and runtime.ussd.version == own
    assert "1 Mon AMO" in first_screen(phone)
    assert send(karim, PAGE, f"{PAGE}/back", version="own", reason="encore").status_code == 409
    for strange in ("9" * 18, "9" * 20, "-1", "x"):
        sent = send(karim, PAGE, f"{PAGE}/back", version=strange, reason="encore")
        assert sent.status_code in (404, 409)
    with runtime.database.connect() as connection:
        audit = text(
            "SELECT action, actor, approved_by FROM audit_event WHERE subject LIKE 'menus:%'"
            " ORDER BY id"
        )
        rows = [tuple(row) for row in connection.execute(audit)]
    assert rows == [
        ("menus_given", "nadia", None),
        ("menus_checked", "worker", None),
        ("menus_published", "nadia", "karim"),
        ("menus_gone_back", "karim", None),
    ]


def test_a_version_that_does_not_check_says_why_and_is_never_published(
    staff: Staff,  # noqa: F811
    runtime: Runtime,
    engine: Engine,
) -> None:
    nadia, karim = staff.enter("nadia", "operator"), staff.enter("karim", "operator")
    menu = (MENUS / "artisan.yaml").read_bytes()
    broken = menu.replace(b"do: ", b"do: no_such_action_", 1)
    page = give(nadia, make_zip(**{"artisan.yaml": broken})).location.partition("?")[0]
    OfficeWork(runtime).check_menus()
    assert "no_such_action_" in karim.get(page).text
    assert send(karim, page, f"{page}/approve").status_code == 409
    number = int(page.rpartition("/")[2])
    with pytest.raises(IntegrityError, match="not checked"):
        insert_publication(engine, number, "nadia", "karim")
    assert send(karim, page, f"{page}/refuse", reason="faux").status_code == 303
    assert "refusée" in karim.get(page).text


BOMB = b"a: &a [x]\nb: *a\n"
REFUSED = {
    "no_zip": b"PK\x03\x04 and no more",
    "too_large": make_zip(**{FRENCH: b"\0" * (9 * 2**20)}),
    "foreign": make_zip(**{f"../{FRENCH}": b""}),
    "language": make_zip(**{"locales/xx/LC_MESSAGES/menus.po": b""}),
    "no_menus": make_zip(**{"samples.yaml": b"", "__MACOSX/artisan.yaml": b""}),
    "no_yaml": make_zip(**{"artisan.yaml": b"{"}),
    "not_plain": make_zip(**{"artisan.yaml": BOMB}),
    "twice": make_zip(**{"artisan.yaml": b"", "menus/artisan.yaml": b""}),
}


@pytest.mark.parametrize("cause", sorted(REFUSED))
def test_what_holds_no_menus_is_refused_before_anything_is_built(cause: str) -> None:
    with pytest.raises(MenusRefused) as refused:
        read_zip(REFUSED[cause])
    assert refused.value.params["cause"] == cause


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "a\\b.yaml", "x/../artisan.yaml", "..", "agent.yaml.exe", "../x/"]
)
def test_a_file_that_is_not_of_menus_is_refused(name: str) -> None:
    with pytest.raises(MenusRefused, match="foreign"):
        read_zip(make_zip(**{name: b""}))


def test_a_file_larger_than_any_menus_is_not_even_opened() -> None:
    with pytest.raises(MenusRefused, match="too_large"):
        read_zip(b"x" * (2**21 + 1))


def test_more_nesting_than_a_menu_has_is_refused() -> None:
    with pytest.raises(MenusRefused, match="not_plain"):
        read_zip(make_zip(**{"artisan.yaml": b"[" * 10_000}))


def test_a_refused_file_is_told_on_the_page_in_words(staff: Staff) -> None:  # noqa: F811
    nadia = staff.enter("nadia", "operator")
    answer = give(nadia, REFUSED["foreign"])
    assert answer.status_code == 400
    assert "n&#39;est pas un fichier des menus" in answer.text
    for role in ("cnss", "auditor"):
        other = staff.enter(f"{role}-1", role)
        assert send(other, "/office", f"{PAGE}/versions").status_code == 403
        assert send(other, "/office", f"{PAGE}/back", version="own", reason="x").status_code == 403
    data = {"file": (io.BytesIO(make_reworded()), "menus.zip")}
    forged = nadia.post(f"{PAGE}/versions", data=data, content_type="multipart/form-data")
    assert forged.status_code == 400


def test_the_folder_of_another_version_holds_what_phones_show_alone() -> None:
    files = read_folder(MENUS)
    assert {"agent.yaml", "artisan.yaml", FRENCH} <= set(files)
    assert not [name for name in files if "office" in name or name == "samples.yaml"]


def insert_publication(
    engine: Engine, number: int | None, proposed_by: str, approved_by: str | None = None
) -> None:
    values = {"version_id": number, "proposed_by": proposed_by, "approved_by": approved_by}
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO menu_publication (version_id, proposed_by, approved_by, reason,"
                " published_at) VALUES (:version_id, :proposed_by, :approved_by, :reason, now())"
            ),
            values | {"reason": None if approved_by else "why"},
        )


def test_the_database_holds_what_becomes_live(runtime: Runtime, engine: Engine) -> None:
    number = give_checked(runtime)
    for by, match in (("nadia", "two_people"), ("Nadia ", "two_people")):
        with pytest.raises(IntegrityError, match=match):
            insert_publication(engine, number, "nadia", by)
    with pytest.raises(IntegrityError, match="not checked"):
        insert_publication(engine, number, "somebody", "karim")
    with pytest.raises(IntegrityError, match="never live"):
        insert_publication(engine, number, "karim")
    approve(runtime, number)
    with pytest.raises(IntegrityError, match="not checked"):
        insert_publication(engine, number, "nadia", "karim")


def test_a_version_is_kept_as_it_was_given(runtime: Runtime, owner: Engine) -> None:
    number = give_checked(runtime)
    other = b"PK other"
    for change in (
        "content = :content, digest = :digest",
        "given_by = 'karim'",
        "state = 'waiting'",
    ):
        with pytest.raises(IntegrityError, match="kept as it is"), owner.begin() as connection:
            connection.execute(
                text(f"UPDATE menu_version SET {change} WHERE id = :id"),
                {"id": number, "content": other, "digest": sha256(other).hexdigest()},
            )


def test_what_was_given_over_an_older_version_is_given_again(runtime: Runtime) -> None:
    first = give_checked(runtime)
    second = give_checked(runtime, reword('msgstr "Mon AMO"', 'msgstr "Assurance"'))
    approve(runtime, first)
    # Nor by a process that has not seen yet what is live.
    with pytest.raises(MenusOutdated):
        approve(runtime, second)
    with pytest.raises(MenusRefused, match="same"):
        give_checked(runtime)
    third = give_checked(runtime, reword('msgstr "Mon AMO"', 'msgstr "Assurance"'))
    approve(runtime, third)
    with operation(runtime.database, runtime.clock(), "karim") as change:
        with pytest.raises(MenuVersionUnknown):
            go_back(change, second, "never live")
        go_back(change, first, "it was better")
    runtime.follow_menus()
    assert runtime.words.say("fr", "main.1") == "Ma couverture"


def test_a_worker_that_is_killed_in_a_check_is_followed_by_another(runtime: Runtime) -> None:
    with operation(runtime.database, runtime.clock(), "nadia") as change:
        own = runtime.live_menus.own.pack()
        words = reword('msgstr "Mon AMO"', 'msgstr "Ma couverture"')
        number = give_menus(change, "menus.zip", {FRENCH: words}, own)

    def begin(after: timedelta) -> int | None:
        with operation(runtime.database, runtime.clock() + after, "worker") as change:
            begun = begin_check(change)
        return begun and begun[0]

    assert begin(timedelta()) == number
    assert begin(timedelta(minutes=1)) is None
    assert begin(timedelta(minutes=4)) == number


def test_a_version_for_another_program_is_not_shown(runtime: Runtime) -> None:
    shown = runtime.ussd.version
    menu = (MENUS / "artisan.yaml").read_bytes().replace(b"do: ", b"do: of_tomorrow_", 1)
    with operation(runtime.database, runtime.clock(), "nadia") as change:
        own = runtime.live_menus.own.pack()
        number = give_menus(change, "menus.zip", {"artisan.yaml": menu}, own)
        keep_faults(change, number, [])
    approve(runtime, number)
    runtime.follow_menus()
    assert runtime.ussd.version == shown


def test_a_process_goes_on_as_it_was_while_the_database_is_away(runtime: Runtime) -> None:
    shown: list[bytes | None] = []

    def away() -> Engine:
        raise Unavailable(what="postgresql")

    follower = MenuFollower(away, shown.append)
    with pytest.raises(Unavailable):
        follower.look()
    follower.watch()
    assert shown == []


def test_commands_give_approve_and_go_back(
    app: Flask, runtime: Runtime, tmp_path: Path, sample_people: None
) -> None:
    folder = tmp_path / "changed"
    (folder / FRENCH).parent.mkdir(parents=True)
    (folder / FRENCH).write_bytes(reword('msgstr "Mon AMO"', 'msgstr "Ma couverture"'))

    def run(*words: str, by: str = "operator", ends: int = 0) -> str:
        secret = {"MAALEM_OPERATOR_SECRET": by}
        result = app.test_cli_runner().invoke(args=["menus", *words, "--by", by], env=secret)
        assert result.exit_code == ends, result.output
        return result.output

    number = run("publish", str(folder)).split()[1]
    with operation(runtime.database, runtime.clock(), "worker") as change:
        keep_faults(change, int(number), [])
    assert "same_person" in run("approve", number, ends=1)
    assert "is live" in run("approve", number, by="office")
    assert "role_may_not_act" in run("back", "--reason", "x", by="auditor", ends=1)
    assert "the program's own" in run("back", "--reason", "a word is wrong")
    listed = app.test_cli_runner().invoke(args=["menus", "versions"]).output
    assert "published" in listed and "live: the program's own version" in listed
