"""Adding a category touches one file: its entry in rates.yaml, which names its rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from app.enrolment.registry_rows import FIELDS
from app.runtime import Runtime
from tests.checkout import Checkout

RATES_FILE = "app/contributions/rates.yaml"
PHONES = {"E": "+212600000041", "F": "+212600000042", "G": "+212600000043"}
CATEGORIES = """\
  E: {collector: cnss, rule: fixed, coefficient: 0.5, sure: ASM, source: "a test"}
  F: {collector: tax_administration, rule: quarterly_duty, sure: ASM, source: "a test"}
  G: {collector: cnss, rule: scale, sure: ASM, source: "a test"}
"""


@pytest.fixture
def checkout(runtime: Runtime, tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path / "checkout", runtime)
    before = next(
        line
        for line in (checkout.folder / RATES_FILE).read_text("utf-8").splitlines()
        if line.startswith("coefficient_scale:")
    )
    checkout.insert(RATES_FILE, CATEGORIES, before)
    return checkout


def registry_file(folder: Path) -> Path:
    """A person of each new category; the one of G has a coefficient."""
    rows = [",".join(FIELDS)]
    for number, (category, phone) in enumerate(PHONES.items(), 1):
        values = dict.fromkeys(FIELDS, "") | {
            "rna_number": f"7000{number}",
            "cnss_number": f"70000000{number}",
            "full_name": "Zineb Alaoui",
            "birth_date": "1980-01-01",
            "phone": phone,
            "language": "fr",
            "category": category,
            "coefficient": "2" if category == "G" else "",
            "enrolled_on": "2026-01-01",
            "rights_until": "2027-01-31",
        }
        rows.append(",".join(values.values()))
    path = folder / "rna.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_another_category_is_added_by_its_entry_alone(checkout: Checkout, runtime: Runtime) -> None:
    assert checkout.changed_files() == {RATES_FILE}
    menus = checkout.flask("menus", "check")
    assert menus.returncode == 0, menus.stderr

    imported = checkout.flask("registry", "import", str(registry_file(checkout.folder)))
    assert imported.stdout == "3 read, 3 created, 0 updated, 0 unchanged, 0 rejected\n"

    month = ("--from", "2026-11", "--to", "2026-11", "--on", "2026-11-23")
    elsewhere = checkout.flask("contributions", "quote", "--category", "F", *month)
    assert elsewhere.returncode == 1
    assert "Category F is paid at the tax administration" in elsewhere.stderr

    fixed, duty, scale, record = checkout.dial(
        (PHONES["E"], "2"),
        (PHONES["F"], "2"),
        (PHONES["G"], "2"),
        (PHONES["F"], "5", "5", "5"),
    )
    # 17.92 x 191 x 6.37%, half of it and twice.
    assert "109,01 DH" in fixed
    assert "avec la CPU" in duty
    assert "436,05 DH" in scale
    assert "Catégorie F: paie avec la CPU" in record
    with runtime.database.connect() as connection:
        coefficients = "SELECT category, coefficient FROM artisan ORDER BY category"
        rows = {row.category: row.coefficient for row in connection.execute(text(coefficients))}
    assert rows == {"E": None, "F": None, "G": 2}
