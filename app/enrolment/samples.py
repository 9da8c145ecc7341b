"""The sample people of docs/contract.md as rows of the ministry's file."""

import io
from dataclasses import dataclass
from datetime import date

from app.base.csv_writing import write_rows
from app.base.months import Month
from app.enrolment.registry_rows import FIELDS

# CNSS leaves rights open for two unpaid months after the one a payment opens: a contribution for
# month M carries them to the last day of M+3 (docs/rules.md, Rights: ASM).
_CARRIED_MONTHS = 3


@dataclass(frozen=True, slots=True)
class _Person:
    """A row of the file; months are counted from the current one, None is never."""

    phone: str
    rna_number: str
    birth_date: str
    full_name: str
    full_name_ar: str
    language: str
    trade: str
    region: str
    province: str
    category: str = "A"
    annual_tax: str = ""
    enrolled: int | None = None
    paid_through: int | None = None

    def row(self, today: date) -> dict[str, str]:
        month = Month.of(today)
        row = {name: str(getattr(self, name, "")) for name in FIELDS}
        if self.enrolled is not None:
            row["cnss_number"] = f"1000{self.rna_number[-5:]}"
            row["enrolled_on"] = (month + self.enrolled).first_day.isoformat()
        if self.paid_through is not None:
            carried = month + self.paid_through + _CARRIED_MONTHS
            row["rights_until"] = carried.last_day.isoformat()
        return row | {"cin": f"ZZ{self.rna_number}"}


# Born on 1 January, as many are in the register: quick to type on a keypad.
_PEOPLE = (
    _Person(
        phone="+212600000001",
        rna_number="100001",
        birth_date="1981-01-01",
        full_name="Fatima Zahraoui",
        full_name_ar="فاطمة الزهراوي",
        language="fr",
        trade="Tapis",
        region="Rabat-Salé-Kénitra",
        province="Salé",
        enrolled=-46,
        paid_through=-1,
    ),
    _Person(
        phone="+212600000002",
        rna_number="100002",
        birth_date="1982-01-01",
        full_name="Hassan Bennani",
        full_name_ar="حسن بناني",
        language="fr",
        trade="Dinanderie",
        region="Fès-Meknès",
        province="Fès",
        enrolled=-40,
        paid_through=-4,
    ),
    _Person(
        phone="+212600000003",
        rna_number="100003",
        birth_date="1983-01-01",
        full_name="Khadija El Fassi",
        full_name_ar="خديجة الفاسي",
        language="fr",
        trade="Broderie",
        region="Fès-Meknès",
        province="Meknès",
        enrolled=-52,
        paid_through=0,
    ),
    _Person(
        phone="+212600000004",
        rna_number="100004",
        birth_date="1984-01-01",
        full_name="Brahim Ouazzani",
        full_name_ar="إبراهيم الوزاني",
        language="fr",
        trade="Poterie",
        region="Marrakech-Safi",
        province="Safi",
    ),
    _Person(
        phone="+212600000005",
        rna_number="100005",
        birth_date="1985-01-01",
        full_name="Aicha Amrani",
        full_name_ar="عائشة العمراني",
        language="ar",
        trade="Couture traditionnelle",
        region="Tanger-Tétouan-Al Hoceima",
        province="Tétouan",
        enrolled=-48,
        paid_through=-9,
    ),
    _Person(
        phone="+212600000006",
        rna_number="100006",
        birth_date="1986-01-01",
        full_name="Said Tazi",
        full_name_ar="سعيد التازي",
        language="fr",
        trade="Bijouterie",
        region="Casablanca-Settat",
        province="Casablanca",
        category="B",
        annual_tax="450.00",
        enrolled=-36,
        paid_through=0,
    ),
    _Person(
        phone="+212600000007",
        rna_number="100007",
        birth_date="1987-01-01",
        full_name="Driss Chraibi",
        full_name_ar="إدريس الشرايبي",
        language="ary-Latn",
        trade="Maroquinerie",
        region="Marrakech-Safi",
        province="Marrakech",
        enrolled=-44,
        paid_through=-1,
    ),
    _Person(
        phone="+212600000008",
        rna_number="100008",
        birth_date="1988-01-01",
        full_name="Tlaytmas Ait Lahcen",
        full_name_ar="تلايتماس أيت لحسن",
        language="zgh",
        trade="Huile d'argan",
        region="Souss-Massa",
        province="Tiznit",
        enrolled=-38,
        paid_through=-1,
    ),
)

# Phone, person, and the state on the day of the first run, as the first start prints them.
SAMPLE_PEOPLE: tuple[tuple[str, str, str], ...] = (
    ("+212600000001", "Fatima, fr, A", "rights open; the current month is due"),
    ("+212600000002", "Hassan, fr, A", "four months unpaid, three with penalties"),
    ("+212600000003", "Khadija, fr, A", "nothing due"),
    ("+212600000004", "Brahim, fr", "in the register, not enrolled; file incomplete"),
    ("+212600000005", "Aicha, ar, A", "more than six months unpaid, rights closed"),
    ("+212600000006", "Said, fr, B", "pays through the tax office: no code here"),
    ("+212600000007", "Driss, ary-Latn, A", "the current month is due; two reimbursements"),
    ("+212600000008", "Tlaytmas, zgh, A", "the current month is due"),
    ("+212600000091", "agent 1001 of W-RABAT-01, PIN 246813", "agent's menu; signs in at /agent"),
    ("+212600000099", "unknown", "identifies: RNA number 100004, born 01/01/1984"),
)
# The RNA number and birth date that each sample artisan types to identify on another phone.
SAMPLE_IDENTITIES = {
    person.phone: (person.rna_number, date.fromisoformat(person.birth_date)) for person in _PEOPLE
}


def sample_people_csv(today: date) -> str:
    """Returns the ministry's file with the sample artisans as they are on `today`."""
    file = io.StringIO(newline="")
    people = (person.row(today) for person in _PEOPLE)
    write_rows(file, [FIELDS, *([row[name] for name in FIELDS] for row in people)])
    return file.getvalue()
