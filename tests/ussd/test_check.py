"""The checker: the real menus are right, and a copy broken in any one way is told so in words."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flask import Flask

from app.runtime import MENUS, Runtime
from app.settings import ROOT
from app.text.encoding import Limits
from app.text.languages import LANGUAGES
from app.ussd.checker.check import find_faults
from app.ussd.checker.declarations import load_page_keys
from app.ussd.menu import BrokenMenu
from tests.ussd.menu_copy import ARABIC, COPIED, FRENCH, MENU, SAMPLES, MenuCopy


def test_find_faults_finds_none_in_the_real_menus_within_2_seconds(runtime: Runtime) -> None:
    began = time.process_time()
    assert find_faults(runtime.ussd, runtime.declarations, runtime.limits) == []
    assert time.process_time() - began < 2


def test_menus_check_and_menus_graph_print_the_real_menus(app: Flask) -> None:
    checked = app.test_cli_runner().invoke(args=["menus", "check"])
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert f"screens right in {len(LANGUAGES)} languages" in checked.stdout
    drawn = app.test_cli_runner().invoke(args=["menus", "graph"])
    assert drawn.exit_code == 0 and drawn.stdout.startswith("flowchart LR\n")


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (MENU, "{live: code,", "{live: cod,", "look_at_code [-]: leads to cod, which is not there"),
        (MENU, "{1: choose_months,", "{1: ,", "nothing_due [-]: `1` has nothing behind it"),
        (FRENCH, "Refusé. ", "Rejeté ê. ", "claim.refused [fr]: ê is not in GSM-7"),
    ],
)
def test_menus_check_fails_and_names_screen_language_and_cause(
    copy: MenuCopy, tmp_path: Path, file: str, old: str, new: str, fault: str
) -> None:
    """The program itself, on a copy of it with a broken menu."""
    shutil.copytree(ROOT / "app", tmp_path / "app")
    shutil.copy(ROOT / "wsgi.py", tmp_path)
    shutil.copytree(MENUS, copy.folder, dirs_exist_ok=True)  # every language
    copy.change(file, old, new)
    command = [sys.executable, "-m", "flask", "menus", "check"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (1, "")
    assert fault in checked.stderr.splitlines()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "start: caller",
            "start: nobody",
            "nobody [-]: the menu begins or leads there, and there is no such screen",
        ),
        (
            "{enrolled: amo,",
            "{enrolled: amoo,",
            "look_at_rights [-]: leads to amoo, which is not there",
        ),
        (
            "nothing_due: {menu: {1: choose_months, 2: other_rna},",
            "nothing_due: {menu: {1: choose_months, 2: other_rn},",
            "nothing_due [-]: leads to other_rn, which is not there",
        ),
        (
            "values: lost_receipt, home: true}",
            "values: lost_receipt}",
            "lost_receipt [-]: a talk may begin there, and 00 has to lead there: `home: true`",
        ),
        (
            "  no_claims: {show: none}\n",
            "  no_claims: {show: none}\n  island: {show: none}\n",
            "island [-]: cannot be reached",
        ),
        (
            "outcomes: {live: code, none_live: none_live}",
            "outcomes: {live: code, none_live: look_at_code}",
            "look_at_code [-]: goes round in a circle without an input",
        ),
        (
            "do: look_at_rights",
            "do: look_at_wrongs",
            "look_at_rights [-]: names look_at_wrongs, which is no do of ours",
        ),
        (
            "family: {show: family}",
            "family: {show: wrongs}",
            "family [-]: names the source wrongs, which is not there",
        ),
        (
            "{list: receipts,",
            "{list: recipes,",
            "receipts [-]: names recipes, which is no list of ours",
        ),
        (
            "identify_birth_date: {input: birth_date,",
            "identify_birth_date: {input: birthday,",
            "identify_birth_date [-]: names birthday, which is no input of ours",
        ),
        (
            "when: has_live_code",
            "when: has_live_cod",
            "payments [-]: names the guard has_live_cod, which is not there",
        ),
        (
            "{cancelled: cancelled, none_live: none_live}",
            "{cancelled: cancelled}",
            "cancel_live_code [-]: has no target for the outcome none_live",
        ),
        (
            "unknown: first_language}",
            "unknown: first_language, ghost: main}",
            "caller [-]: recognise_caller has no outcome ghost",
        ),
        ("  cancelled: {show", "  canceled: {show", "canceled [fr]: has no words"),
    ],
)
def test_find_faults_names_a_broken_structure(
    copy: MenuCopy, old: str, new: str, fault: str
) -> None:
    copy.change(MENU, old, new)
    assert fault in copy.faults()


def test_find_faults_names_both_screens_of_a_circle(copy: MenuCopy) -> None:
    copy.change(
        MENU,
        "outcomes: {some: payments, none: no_payments}",
        "outcomes: {some: look_at_rights, none: no_payments}",
    )
    copy.change(
        MENU,
        "{enrolled: amo, not_enrolled: not_enrolled}",
        "{enrolled: amo, not_enrolled: look_at_payments}",
    )
    for name in ("look_at_rights", "look_at_payments"):
        assert f"{name} [-]: goes round in a circle without an input" in copy.faults()


def test_load_menu_refuses_a_choice_that_is_a_key_of_its_own(copy: MenuCopy) -> None:
    copy.change(MENU, "5: services}", "5: services, 9: language}")
    with pytest.raises(BrokenMenu, match=r"main.*9 is not a choice from 1 to 8"):
        copy.faults()


@pytest.mark.parametrize(
    ("language", "key", "sentence", "fault"),
    [
        (FRENCH, "no_payments", "", "no_payments [fr]: has no words"),
        (
            FRENCH,
            "no_payments",
            "Pas de {colour}",
            "no_payments [fr]: {colour} has no worst value in samples.yaml",
        ),
        (
            FRENCH,
            "no_payments",
            "Pas de {count}",
            "no_payments [ar]: lacks {count}, which another language has",
        ),
        (
            ARABIC,
            "rights.open",
            "حقوقك مفتوحة",
            "rights.open [ar]: lacks {rights_until}, which another language has",
        ),
        (FRENCH, "no_payments", "Pas de reçu", "no_payments [fr]: ç is not in GSM-7"),
        (FRENCH, "no_payments", "Rien’ «la»", "no_payments [fr]: « » ’ is not in GSM-7"),
        (
            FRENCH,
            "no_payments",
            "Pas\u202fde code",
            "no_payments [fr]: holds the invisible letter U+202F",
        ),
        (
            ARABIC,
            "no_payments",
            "لا رمز\u200f",
            "no_payments [ar]: holds the invisible letter U+200F",
        ),
        (
            FRENCH,
            "rights.open",
            "Droits au {rights_until:shrt}.",
            "rights.open [fr]: {rights_until:shrt} cannot be filled in",
        ),
        (
            FRENCH,
            "rights.open",
            "Droits au {rights_until:short.",
            "rights.open [fr]: Droits au {rights_until:short. cannot be filled in",
        ),
        (
            FRENCH,
            "pay.1",
            "Avoir le code pour payer chez Wafacash, dans son agence ou ailleurs " * 3,
            "pay [fr]: its first page lacks the choice: 1 Avoir le code",
        ),
        (
            FRENCH,
            "identification_paused",
            "Trop d'essais aujourd'hui. {dial}" * 6,
            "identification_paused [fr]: ends the talk but takes 2 pages",
        ),
        (
            ARABIC,
            "identification_paused",
            "محاولات كثيرة اليوم {dial} " * 5,
            "identification_paused [ar]: ends the talk but takes 3 pages",
        ),
        (
            FRENCH,
            "no_payments",
            "Pas de code ni de paiement. " * 30,
            "no_payments [fr]: takes 7 pages, 4 at most",
        ),
        (
            ARABIC,
            "no_payments",
            "لا رمز ولا أداء " * 4,
            "no_payments [ar]: wrong.choice leaves no room for the line: لا رمز",
        ),
        (
            FRENCH,
            "receipts.row",
            "{received_on} {total} " * 8,
            "receipts [fr]: cannot be written: a row does not fit on a page",
        ),
        (
            FRENCH,
            "rights.open",
            "Droits au {rights_until:money}, {rights_until:months}.",
            "amo [fr]: cannot be written: ",
        ),
        (
            FRENCH,
            "sms.receipt",
            "Maalem {receipt} {total} {received_on} {period} {agency} {for_whom} {complaints}"
            + " merci" * 20,
            "sms.receipt [fr]: takes 2 SMS segments, 1 at most",
        ),
        (
            ARABIC,
            "sms.receipt",
            "وصل {receipt} {total} {received_on} {period} {agency} {for_whom} {complaints}"
            + " شكرا" * 8,
            "sms.receipt [ar]: takes 3 SMS segments, 2 at most",
        ),
    ],
)
def test_find_faults_names_broken_words(
    copy: MenuCopy, language: str, key: str, sentence: str, fault: str
) -> None:
    copy.say(language, key, sentence)
    assert any(told.startswith(fault) for told in copy.faults()), copy.faults()


def test_find_faults_names_one_arabic_letter_on_a_full_french_screen(copy: MenuCopy) -> None:
    """The stray letter domain.md section 4 warns of: seen as a letter, before it halves a page."""
    sentence = "Trop d'essais aujourd'hui. Appelez {dial} demain, ou demandez à votre chambre."
    copy.say(FRENCH, "identification_paused", sentence)
    assert copy.faults() == []
    copy.say(FRENCH, "identification_paused", sentence[:-1] + "ـ")
    assert copy.faults() == ["identification_paused [fr]: ـ is not in GSM-7"]


def test_find_faults_names_a_key_written_in_one_language_only(copy: MenuCopy) -> None:
    copy.add(FRENCH, '\nmsgid "lonely"\nmsgstr "Seul"\n')
    assert copy.faults() == [
        "lonely [ar]: has no words",
        "lonely [ary-Latn]: has no words",
        "lonely [fr]: is used nowhere",
        "lonely [zgh]: has no words",
    ]


def test_find_faults_names_a_renamed_key(copy: MenuCopy) -> None:
    for po in (FRENCH, ARABIC):
        copy.change(po, 'msgid "replace"\n', 'msgid "replaced"\n')
    told = copy.faults()
    for language in ("fr", "ar"):
        assert f"replace [{language}]: has no words" in told
        assert f"replaced [{language}]: is used nowhere" in told


def test_find_faults_names_a_key_written_twice(copy: MenuCopy) -> None:
    copy.add(ARABIC, '\nmsgid "yes"\nmsgstr "أجل"\n')
    assert copy.faults() == ["yes [ar]: is written twice"]


def test_find_faults_counts_a_fuzzy_translation_as_missing(copy: MenuCopy) -> None:
    copy.change(ARABIC, 'msgid "yes"\n', '#, fuzzy\nmsgid "yes"\n')
    assert copy.faults() == ["yes [ar]: has no words"]


def test_find_faults_names_a_missing_plural_form(copy: MenuCopy) -> None:
    copy.change(ARABIC, 'msgstr[5] "{n} شهر"\n', 'msgstr[5] ""\n')
    assert "months [ar]: has no words" in copy.faults()


@pytest.mark.parametrize(("number", "form"), [(5, "شهر"), (4, "شهرا")])
def test_find_faults_names_a_plural_form_without_its_number(
    copy: MenuCopy, number: int, form: str
) -> None:
    """Forty months would read like one."""
    copy.change(ARABIC, f'msgstr[{number}] "{{n}} {form}"\n', f'msgstr[{number}] "{form}"\n')
    assert copy.faults() == [f"months [ar]: {form} stands for several numbers and lacks {{n}}"]


def test_find_faults_names_a_language_without_words(copy: MenuCopy) -> None:
    shutil.rmtree(copy.folder / "locales" / "zgh")
    assert copy.faults() == ["locales [zgh]: has no words at all"]


def test_find_faults_names_a_sample_that_no_sentence_has(copy: MenuCopy) -> None:
    copy.add(SAMPLES, "ghost: 3\n")
    assert copy.faults() == ["samples.yaml [-]: ghost stands in no sentence"]


@pytest.mark.parametrize("value", ["{money: much}", "{gold: 12}", "{day: tomorrow}"])
def test_samples_refuse_a_value_that_cannot_be_read(copy: MenuCopy, value: str) -> None:
    copy.change(SAMPLES, "limit: {money: 99999999}\n", f"limit: {value}\n")
    with pytest.raises(BrokenMenu, match=r"samples.yaml.*limit is none of money, text"):
        copy.faults()


def test_find_faults_names_a_sentence_within_itself(copy: MenuCopy) -> None:
    copy.change(
        SAMPLES, "posted.not_yet, posted.on]", "posted.not_yet, posted.on, payments.newest]"
    )
    assert any(told.startswith("payments [fr]: cannot be written: ") for told in copy.faults())


def test_find_faults_names_a_value_without_sample(copy: MenuCopy) -> None:
    copy.change(SAMPLES, "closed_on: {day: 2026-12-28}\n", "")
    assert "rights.closed [fr]: {closed_on} has no worst value in samples.yaml" in copy.faults()


def test_find_faults_measures_with_the_worst_values(copy: MenuCopy) -> None:
    """The sizes are measured with the samples, not with the sentence alone."""
    copy.change(
        SAMPLES, 'agency: {text: "Attijariwafa bank-agdal"}', 'agency: {text: "' + "W" * 90 + '"}'
    )
    told = "sms.receipt [fr]: takes 2 SMS segments, 1 at most (GSM-7, 223 units)"
    assert told in copy.faults()


@pytest.mark.parametrize("key", ["sms.lonely", "till.lonely", "error.lonely"])
def test_find_faults_names_a_sentence_that_nothing_says(copy: MenuCopy, key: str) -> None:
    for language in COPIED:
        copy.add(f"locales/{language}/LC_MESSAGES/menus.po", f'\nmsgid "{key}"\nmsgstr "1"\n')
    told = [f"{key} [{language}]: is used nowhere" for language in sorted(COPIED)]
    assert copy.faults() == told


def test_find_faults_names_a_screen_without_a_way_to_an_end(copy: MenuCopy) -> None:
    copy.change(
        MENU,
        "export_news_stopped: {show: none, clears_history: true}",
        "export_news_stopped: {menu: {1: export_news_stopped}, values: tries_left}",
    )
    fault = "export_news_stopped [-]: the talk cannot end: no way leads to a show or an end"
    assert fault in copy.faults()


def test_find_faults_names_the_gateway_whose_screen_is_too_small(runtime: Runtime) -> None:
    """Each gateway's own limit counts, and the fault names it."""
    small = {"africastalking": Limits(160, 80), "generic": Limits(120, 60)}
    found = find_faults(runtime.ussd, runtime.declarations, small)
    told = [str(fault) for fault in found]
    assert told and all(fault.endswith("(generic)") for fault in told)


@pytest.mark.parametrize(
    ("po", "key", "sentence", "fault"),
    [
        ("ary-Latn", "no_payments", "Ma kayn ê", "no_payments [ary-Latn]: ê is not in GSM-7"),
        ("zgh", "code", "{code:code}", "code [zgh]: lacks {period}"),
        (
            "zgh",
            "sms.dues",
            "{total}{period}{dial_code}" + "ⴰ" * 200,
            "sms.dues [zgh]: takes 4 SMS segments",
        ),
        ("ary-Latn", "main.1", "", "main.1 [ary-Latn]: has no words"),
    ],
)
def test_find_faults_holds_every_language_to_the_rules(
    copy: MenuCopy, po: str, key: str, sentence: str, fault: str
) -> None:
    copy.say(f"locales/{po}/LC_MESSAGES/menus.po", key, sentence)
    assert any(told.startswith(fault) for told in copy.faults()), copy.faults()


_QUOTED = re.compile(r"""["'`]([a-z][\w.]*)["'`]""")
_SAID_BY_TEMPLATE = re.compile(r"""\bt\(\s*['"]([a-z][\w.]*)['"]""")


def test_pages_yaml_declares_the_sentences_that_pages_say() -> None:
    """A refusal's sentence is said by its code: error. and the code.

    The office's own sentences stand in files of their own (tests/web/office/test_words.py).
    """
    declared = load_page_keys(MENUS / "pages.yaml")
    code = {path: path.read_text("utf-8") for path in (ROOT / "app").rglob("*.py")}
    templates = [path.read_text("utf-8") for path in (ROOT / "app").rglob("*.html")]
    quoted = {name for text in [*code.values(), *templates] for name in _QUOTED.findall(text)}
    phones_and_till = [
        path.read_text("utf-8")
        for path in (ROOT / "app").rglob("*.html")
        if path.parent.name != "office"
    ]
    by_templates = {key for text in phones_and_till for key in _SAID_BY_TEMPLATE.findall(text)}
    assert {key for key in by_templates if key.startswith(("till.", "error."))} <= declared
    idle = {key for key in declared if not {key, key.partition(".")[2]} & quoted}
    assert not idle, "nothing says these sentences"


def test_find_faults_names_a_declared_message_without_words(copy: MenuCopy) -> None:
    for language in COPIED:
        copy.change(
            f"locales/{language}/LC_MESSAGES/menus.po",
            'msgid "sms.news_off"\n',
            'msgid "sms.news_of"\n',
        )
    faults = copy.faults()
    for language in COPIED:
        assert f"sms.news_off [{language}]: has no words" in faults
        assert f"sms.news_of [{language}]: is used nowhere" in faults


def test_find_faults_names_a_message_with_other_values_than_declared(copy: MenuCopy) -> None:
    for language in COPIED:
        copy.say(f"locales/{language}/LC_MESSAGES/menus.po", "sms.code_cancelled", "Maalem {total}")
    faults = copy.faults()
    for language in COPIED:
        assert f"sms.code_cancelled [{language}]: lacks {{code}}, which its kind declares" in faults
        assert f"sms.code_cancelled [{language}]: {{total}} is no value of its kind" in faults
