"""The checker's rules on keys: the first page offers one, and no other digit reads as one."""

from __future__ import annotations

import pytest

from app.runtime import Runtime
from app.text.encoding import Limits
from app.text.pages import begins_with_digit
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.checker.keys import find_key_faults
from tests.ussd.menu_copy import ARABIC, FRENCH, MENU, SAMPLES, MenuCopy

DARIJA, TAMAZIGHT = (f"locales/{name}/LC_MESSAGES/menus.po" for name in ("ary-Latn", "zgh"))
DIGIT = "a line begins with a digit that is no key: "
GATEWAYS = " (africastalking/generic)"


def test_find_faults_names_lines_whose_first_digit_is_no_key(copy: MenuCopy) -> None:
    """A digit of the sentence, of any script, of a value in any form, or of a cut line."""
    copy.say(FRENCH, "cancelled", "Code annulé.\\n4 mois")
    copy.say(ARABIC, "cancelled", "تم إلغاء الرمز\\n٤ أشهر")
    copy.say(DARIJA, "wrong.pin", "4 d ar9am.")
    copy.say(TAMAZIGHT, "payments.newest", "{total} {received_on:short}\\n{posted}")
    copy.say(FRENCH, "owed.current", "{count:months}: {total}, {next_due:short}")
    copy.say(FRENCH, "no_claims", "Numéros " + "1234 " * 34 + "1234")
    faults = copy.faults()
    for fault in (
        f"cancelled [fr]: {DIGIT}4 mois",
        f"cancelled [ar]: {DIGIT}٤ أشهر",
        f"pin [ary-Latn]: {DIGIT}4 d ar9am.",
        f"payments [zgh]: {DIGIT}99999.99 ⴷⵔⵀⵎ 28/12",
        f"amo [fr]: {DIGIT}1 mois: 99999,99 DH, 28/12",
    ):
        assert fault in faults
    # Said once: with everyday values the screen is the same.
    [cut] = [fault for fault in faults if fault.startswith(f"no_claims [fr]: {DIGIT}")]
    assert cut.startswith(f"no_claims [fr]: {DIGIT}1234 1234")
    assert cut.endswith(f"1234 (page 2){GATEWAYS}")


def test_find_faults_names_a_first_page_without_its_first_choice(copy: MenuCopy) -> None:
    copy.say(ARABIC, "help", "هل تحتاج " * 8)
    copy.say(ARABIC, "main.4", "تعويضاتي عن المرض والدواء " * 2)
    copy.say(TAMAZIGHT, "cancel", "ⴰⴷ ⵜⵙⵔⴷ ⵜⴰⵏⴳⴰⵍⵜ {code:code} {total} ⵙ ⵜⵉⴷⵜ ⴷ ⵓⵔ ⵜⴰⵖⵓⵍⴷ?")
    faults = copy.faults()
    for name, choice in (("help", "1 اطلب مكالمة"), ("main", "5 خدمات ولغة")):
        assert f"{name} [ar]: its first page lacks the choice: {choice}{GATEWAYS}" in faults
    assert f"cancel [zgh]: its first page lacks the choice: 2 ⵓⵀⵓ{GATEWAYS}" in faults


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pin_gone: {menu: {1: reset_rna,", "pin_gone: {menu: {3: reset_rna,"),
        ("{1: pin, 2: reset_rna, 3:", "{1: pin, 2: reset_rna, 4:"),
        ("{1: look_at_family, 2: {to", "{1: {to: look_at_family, when: has_live_code}, 2: {to"),
    ],
)
def test_find_faults_names_a_menu_that_does_not_begin_with_1(
    copy: MenuCopy, old: str, new: str
) -> None:
    copy.change(MENU, old, new)
    faults = [fault for fault in copy.faults() if "begin" in fault]
    assert len(faults) == 1 and faults[0].endswith(
        "does not always begin with 1, counting on by one"
    )


def test_samples_name_an_everyday_value_without_a_worst_one(copy: MenuCopy) -> None:
    copy.add(SAMPLES, "  ghost: 3\n")
    with pytest.raises(Exception, match="ghost has an everyday value and no worst one"):
        copy.faults()


@pytest.mark.parametrize(
    ("line", "begins"),
    [("4 mois", True), ("\u200f ٤ أشهر", True), ("۴", True), ("²", True), ("Code 4", False)],
)
def test_begins_with_digit_reads_any_script(line: str, begins: bool) -> None:
    assert begins_with_digit(line) is begins


def test_first_page_keeps_all_choices_and_the_lines_there_is_room_for(runtime: Runtime) -> None:
    """In Arabic the amount and all choices are on the first page, the rest follows."""
    menu = FilledMenu(runtime.ussd, runtime.samples.everyday)
    screen = runtime.ussd.menu.screens["pay"]
    first, *later = menu.pages(screen, "ar", Limits(160, 80))
    assert first.split("\n")[0].startswith("عليك 1530.56 درهم، ")
    assert first.split("\n")[1:4] == ["1 الرمز", "2 الأشهر", "3 لغيري"]
    assert "03/26 إلى 11/26" in "\n".join(later)
    assert list(find_key_faults(menu, screen, "ar")) == []
