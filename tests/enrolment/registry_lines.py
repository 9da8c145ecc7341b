"""Rows of the ministry's file for tests: a good one, and ways to spoil it."""

import csv
import io
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from sqlalchemy import Engine, select

from app.base.keys import Keys
from app.enrolment.models import artisan
from app.enrolment.registry import RegistryImportReport, import_registry
from app.enrolment.registry_file import rejected_path
from app.enrolment.registry_rows import FIELDS

HEADER = ",".join(FIELDS)
KEYS = Keys(b"a key of this test")
TODAY = date(2026, 11, 23)
GOOD = {
    "rna_number": "700001",
    "cnss_number": "123456789",
    "cin": "AB123456",
    "full_name": "Zineb Alaoui",
    "full_name_ar": "زينب العلوي",
    "birth_date": "1985-03-08",
    "phone": "+212612345678",
    "language": "fr",
    "category": "A",
    "coefficient": "",
    "annual_tax": "",
    "trade": "Tapis",
    "region": "Fès-Meknès",
    "province": "Sefrou",
    "enrolled_on": "2023-05-02",
    "rights_until": "2027-01-31",
}


def line(**changes: str) -> str:
    """The good row with other values, as one line of the file."""
    text = io.StringIO(newline="")
    csv.DictWriter(text, FIELDS, lineterminator="").writerow(GOOD | changes)
    return text.getvalue()


def numbered(index: int, **changes: str) -> str:
    """A good row whose numbers nobody else has."""
    own = {"rna_number": f"8{index}", "cnss_number": f"1{index:08}", "cin": f"C{index:06}"}
    return line(**(own | changes))


def write(path: Path, lines: Iterable[str], header: str = HEADER) -> Path:
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def load(engine: Engine, path: Path, today: date = TODAY) -> RegistryImportReport:
    return import_registry(engine, path, keys=KEYS, today=today)


def load_lines(
    engine: Engine, path: Path, *lines: str, today: date = TODAY
) -> RegistryImportReport:
    return load(engine, write(path, lines), today)


def rejections(path: Path) -> list[tuple[int, str]]:
    """Line and reason of each rejected row; none when there is no rejected file."""
    file = rejected_path(path)
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as rows:
        return [(int(row["line"]), row["reason"]) for row in csv.DictReader(rows)]


def stored(engine: Engine, *columns: str) -> list[tuple[object, ...]]:
    """These columns of every artisan, by RNA number."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(*(artisan.c[name] for name in columns)).order_by(artisan.c.rna_number)
        )
        return [tuple(row) for row in rows]
