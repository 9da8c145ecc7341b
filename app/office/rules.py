"""Reads names, roles and passwords of the office's users; pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from random import Random

from app.base.errors import InvalidInput
from app.office.models import ROLES

LONGEST_NAME = 60
LONGEST_LABEL = 40
SHORTEST_PASSWORD = 12
_LONGEST_PASSWORD = 200
# Words by which the books and the audit name an actor who is no user.
_ACTOR_WORDS = frozenset({"artisan", "worker", "agent", "client", "network", "installation"})
RESERVED = _ACTOR_WORDS | frozenset(ROLES)
# Letters of other alphabets, signs and digits that read like Latin letters, and Arabic letters that
# read like each other.
_LOOK_ALIKES = str.maketrans(
    "авекмнорстухіјѕԁһӏԛԝαβεζηικμνορτυχγωϲıłøđħŀɡɩ01|!$@5ىيیكکةهگٱ",
    "abekmhopctyxijsdhlqwabeznikmvoptuxywcilodhlgiolllsasيييككههكا",
)
_SCRIPTS = ("LATIN", "ARABIC", "TIFINAGH")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class OfficeScope:
    """The part that a user sees: a region, a network or a desk; None is all of the role's."""

    region: str | None = None
    network: str | None = None
    desk: str | None = None


def read_user_name(typed: str) -> str:
    """Returns the name as it is kept: compatibility forms resolved, blanks single.

    One script a name, Latin, Arabic or Tifinagh, so that no letter stands for another alphabet's.

    Raises: InvalidInput.
    """
    name = " ".join(unicodedata.normalize("NFKC", typed).split())
    if not 2 <= len(name) <= LONGEST_NAME:
        raise InvalidInput(what="name", why=f"not 2 to {LONGEST_NAME} characters")
    scripts = {_find_script(letter) for letter in name if letter.isalpha()}
    rest = {sign for sign in name if not sign.isalpha() and not unicodedata.combining(sign)}
    if len(scripts) != 1 or not scripts <= set(_SCRIPTS):
        raise InvalidInput(what="name", why="not letters of one script: Latin, Arabic or Tifinagh")
    if not rest <= set(" .'-_0123456789"):
        raise InvalidInput(what="name", why="letters, digits, blanks and . ' - _ alone")
    return name


def name_key(name: str) -> str:
    """Returns how a name reads: without case, blanks, accents, signs and look-alike letters."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name)).casefold()
    plain = "".join(sign for sign in text if not unicodedata.combining(sign))
    alike = plain.translate(_LOOK_ALIKES).replace("i", "l").replace("ـ", "")
    return "".join(sign for sign in alike if sign.isalnum())


def read_label(typed: str) -> str:
    """Returns what a user calls a passkey, blanks single. Raises: InvalidInput."""
    label = " ".join(unicodedata.normalize("NFKC", typed).split())
    if not 1 <= len(label) <= LONGEST_LABEL or not label.isprintable():
        raise InvalidInput(what="label", why=f"not 1 to {LONGEST_LABEL} characters")
    return label


def read_role(role: str, scope: OfficeScope) -> str:
    """Returns the role, if the scope belongs to it. Raises: InvalidInput."""
    if role not in ROLES or role == "office":
        raise InvalidInput(what="role", why=f"none of {', '.join(ROLES[:-1])}")
    if (role == "chamber") != (scope.region is not None):
        raise InvalidInput(what="region", why="a chamber has one, other roles have none")
    if (role == "wafacash") != (scope.network is not None):
        raise InvalidInput(what="network", why="a network's role has one, other roles have none")
    return role


def check_password(password: str, name: str) -> None:
    """Refuses a password that is short, usual or made of the name. Raises: InvalidInput."""
    if not SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        raise InvalidInput(what="password", why=f"{SHORTEST_PASSWORD} characters or more")
    plain = name_key(password)
    if len(set(password)) < 6 or re.fullmatch(r"(.{1,6})\1+", password):
        raise InvalidInput(what="password", why="too few different characters")
    if name_key(name) in plain or "password" in plain or "motdepasse" in plain:
        raise InvalidInput(what="password", why="too easy to guess")


def draw_password(random: Random) -> str:
    """Returns a one-time password of 79 random bits, in groups that one can read aloud."""
    groups = ("".join(random.choices(_ALPHABET, k=4)) for _ in range(4))
    return "-".join(groups)


def _find_script(letter: str) -> str:
    """Returns the first word of the letter's Unicode name, such as LATIN."""
    return unicodedata.name(letter, "?").split()[0]
