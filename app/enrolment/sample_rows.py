"""Makes up a register of any size, of people who do not exist, to try out and to measure.

The same seed gives the same rows on every machine and day, and numbers never repeat.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from math import gcd
from random import Random
from typing import TypeVar

from app.enrolment.registry_rows import FIELDS
from app.enrolment.samples import SAMPLE_IDENTITIES

MAX_ROWS = 10_000_000
_T = TypeVar("_T")


def _pairs(words: str) -> tuple[tuple[str, str], ...]:
    """Splits `Latin/Arabic` pairs, in which `_` is a blank within a name."""
    split = (pair.replace("_", " ").split("/") for pair in words.split())
    return tuple((latin, arabic) for latin, arabic in split)


_WOMEN = _pairs(
    "Fatima/فاطمة Khadija/خديجة Aicha/عائشة Zineb/زينب Malika/مليكة Naima/نعيمة Rachida/رشيدة "
    "Saadia/سعدية Latifa/لطيفة Hanane/حنان Samira/سميرة Meryem/مريم Halima/حليمة Jamila/جميلة "
    "Nadia/نادية Zohra/زهرة Amina/أمينة Houria/حورية Itto/إيطو Tlaytmas/تلايتماس Hafida/حفيظة "
    "Souad/سعاد Ghita/غيثة Loubna/لبنى Mina/مينة Rkia/رقية Touria/ثورية Karima/كريمة"
)
_MEN = _pairs(
    "Mohamed/محمد Ahmed/أحمد Hassan/حسن Brahim/إبراهيم Driss/إدريس Said/سعيد Youssef/يوسف "
    "Abdellah/عبدالله Omar/عمر Rachid/رشيد Mustapha/مصطفى Khalid/خالد Hamid/حميد Lahcen/لحسن "
    "Hicham/هشام Karim/كريم Abdelkader/عبدالقادر Noureddine/نورالدين Jamal/جمال Moha/موحى "
    "Aziz/عزيز Larbi/العربي Tarik/طارق Bouchaib/بوشعيب Mbarek/مبارك Ali/علي Anass/أنس Ayoub/أيوب"
)
_FAMILIES = _pairs(
    "Alaoui/العلوي Bennani/بناني Tazi/التازي El_Fassi/الفاسي Idrissi/الإدريسي Berrada/برادة "
    "Chraibi/الشرايبي Ouazzani/الوزاني Amrani/العمراني Benjelloun/بنجلون Filali/الفيلالي "
    "Sebti/السبتي Lahlou/لحلو El_Amri/العمري Naciri/الناصري Bouazza/بوعزة Haddad/الحداد "
    "Najjar/النجار Kettani/الكتاني Serghini/السرغيني Zerouali/الزروالي Ait_Lahcen/أيت_لحسن "
    "Ait_Taleb/أيت_الطالب Oubella/أوبلا Oukacha/أوعكاشة Bouhaddou/بوحدو Amazigh/أمازيغ "
    "El_Mansouri/المنصوري Daoudi/الداودي Rahmouni/الرحموني Cherkaoui/الشرقاوي Hamdaoui/الحمداوي "
    "Sahraoui/الصحراوي Jebli/الجبلي Riffi/الريفي Soussi/السوسي Doukkali/الدكالي Chaoui/الشاوي "
    "Mernissi/المرنيسي Skalli/الصقلي Belhaj/بلحاج Mouline/مولين Kabbaj/القباج Slaoui/السلاوي "
    "Guessous/كسوس Zniber/زنيبر Hajji/حجي Marrakchi/المراكشي Tahiri/الطاهري Yacoubi/اليعقوبي"
)
_TRADES = (
    "Tapis",
    "Poterie",
    "Céramique et zellige",
    "Dinanderie",
    "Maroquinerie",
    "Babouches",
    "Couture traditionnelle",
    "Broderie",
    "Tissage",
    "Bijouterie",
    "Menuiserie d'art",
    "Marqueterie",
    "Sculpture sur bois",
    "Ferronnerie d'art",
    "Plâtre sculpté",
    "Vannerie",
    "Tannerie",
    "Caftan et djellaba",
    "Savon et huile d'argan",
    "Lutherie",
)
_PROVINCES = {
    "Tanger-Tétouan-Al Hoceïma": "Tanger-Assilah,Tétouan,Larache,Chefchaouen,Al Hoceïma,Ouezzane",
    "L'Oriental": "Oujda-Angad,Nador,Berkane,Taourirt,Jerada,Figuig,Guercif",
    "Fès-Meknès": "Fès,Meknès,Sefrou,Ifrane,El Hajeb,Taza,Taounate,Boulemane",
    "Rabat-Salé-Kénitra": "Rabat,Salé,Kénitra,Khémisset,Sidi Kacem,Skhirate-Témara",
    "Béni Mellal-Khénifra": "Béni Mellal,Khénifra,Khouribga,Azilal,Fquih Ben Salah",
    "Casablanca-Settat": "Casablanca,Mohammédia,El Jadida,Settat,Berrechid,Benslimane",
    "Marrakech-Safi": "Marrakech,Safi,Essaouira,Al Haouz,Chichaoua,Youssoufia",
    "Drâa-Tafilalet": "Errachidia,Ouarzazate,Zagora,Tinghir,Midelt",
    "Souss-Massa": "Agadir-Ida-Ou Tanane,Tiznit,Taroudannt,Chtouka-Aït Baha,Tata",
    "Guelmim-Oued Noun": "Guelmim,Tan-Tan,Sidi Ifni,Assa-Zag",
    "Laâyoune-Sakia El Hamra": "Laâyoune,Boujdour,Tarfaya,Es-Semara",
    "Dakhla-Oued Ed-Dahab": "Oued Ed-Dahab,Aousserd",
}
# Shares of each hundred: regions, languages, and category with coefficient and annual tax.
_REGION_SHARES = (11, 7, 20, 12, 5, 13, 16, 4, 8, 2, 1, 1)
_LANGUAGES = (
    *(("ar",) * 38 + ("fr",) * 32 + ("ary-Latn",) * 16 + ("ary-Arab",) * 6),
    *(("zgh",) * 5 + ("zgh-Latn",) * 3),
)
_CATEGORIES = (
    ("A,,",) * 87
    + ("B,,450.00", "B,,820.00", "B,,1900.00", "B,,4800.00")
    + ("C,1,", "C,2,", "C,3,", "C,4,")
    + ("D,,240.00", "D,,960.00", "D,,2100.00", "D,,6300.00", "D,,12500.00")
)
_CIN_LETTERS = (*"ABCDEFGHIJKLMNPQRSTUVWXYZ", "AB", "AD", "BE", "BK", "CD", "EE", "JC", "PB")
_BIRTH_DATES = tuple(
    f"{year}-{month:02d}-{day:02d}"
    for year in range(1952, 2004)
    for month in range(1, 13)
    for day in range(1, 29)
)
# Fixed days, so that a seed means the same file tomorrow; about a third are open in late 2026.
_ENROLLED = tuple(f"{year}-{month:02d}-01" for year in (2022, 2023, 2024) for month in range(1, 13))
_RIGHTS = (
    ("2027-01-31",) * 16
    + ("2027-02-28",) * 14
    + ("2026-12-31",) * 8
    + ("2026-10-31", "2026-09-30", "2026-07-31", "2026-05-31") * 5
    + ("2026-03-31", "2025-12-31", "2025-06-30") * 4
    + ("",) * 10
)
_NOT_ENROLLED = 0.2
# First number, and how many.
_RNA_NUMBERS, _CNSS_NUMBERS = (200_000_000, 700_000_000), (110_000_000, 90_000_000)
_PHONES = (10_000_000, 80_000_000)


def sample_rows(rows: int, seed: int = 0) -> Iterator[str]:
    """Yields the lines of a registry file without their ends, the header first.

    RNA number, CNSS number, CIN and phone are different in every row, and none of them is a sample
    person's. Raises: ValueError for more than MAX_ROWS rows.
    """
    if not 0 <= rows <= MAX_ROWS:
        raise ValueError(f"not 0 to {MAX_ROWS} rows")
    yield ",".join(FIELDS)
    random = Random(seed).random  # noqa: S311 - made-up people, not secrets
    rna_number = _scatter(random, *_RNA_NUMBERS)
    cnss_number = _scatter(random, *_CNSS_NUMBERS)
    cin = _scatter(random, 0, len(_CIN_LETTERS) * 900_000)
    phone = _scatter(random, *_PHONES)
    places = _places()

    def pick(choices: Sequence[_T]) -> _T:
        return choices[int(random() * len(choices))]

    for index in range(rows):
        first, first_ar = pick(_WOMEN if random() < 0.55 else _MEN)
        family, family_ar = pick(_FAMILIES)
        letters, digits = divmod(cin(index), 900_000)
        enrolment = "," if random() < _NOT_ENROLLED else f"{pick(_ENROLLED)},{pick(_RIGHTS)}"
        yield (
            f"{rna_number(index)},{cnss_number(index)},{_CIN_LETTERS[letters]}{100_000 + digits},"
            f"{first} {family},{first_ar} {family_ar},{pick(_BIRTH_DATES)},"
            f"+212{pick('67')}{phone(index)},{pick(_LANGUAGES)},{pick(_CATEGORIES)},"
            f"{pick(_TRADES)},{pick(places)},{enrolment}"
        )


def _scatter(random: Callable[[], float], first: int, size: int) -> Callable[[int], int]:
    """Returns a function that gives each index below `size` its own number from `first` on.

    The numbers come in no visible order.
    """
    shift, step = int(random() * size), int((0.2 + 0.6 * random()) * size)
    while gcd(step, size) != 1:
        step += 1
    return lambda index: first + (index * step + shift) % size


def _places() -> tuple[str, ...]:
    """Lists `region,province`, each region as often as its share."""
    shares = zip(_PROVINCES.items(), _REGION_SHARES, strict=True)
    return tuple(
        f"{region},{province}"
        for (region, provinces), share in shares
        for province, _ in zip(cycle(provinces.split(",")), range(share * 7), strict=False)
    )


def is_made_up(fields: Sequence[str]) -> bool:
    """True for a row such as `sample_rows` makes, or of a sample person.

    Each of its values is one that they have: of a real register a row in thousands is such.
    """
    row = dict(zip(FIELDS, fields, strict=True))
    if (row["rna_number"], row["birth_date"]) in _SAMPLE_PEOPLE:
        return True
    first, _, family = row["full_name"].partition(" ")
    first_ar, _, family_ar = row["full_name_ar"].partition(" ")
    return (
        (first, first_ar) in _FIRST_NAMES
        and (family, family_ar) in _FAMILY_NAMES
        and row["trade"] in _TRADES
        and row["province"] in _PROVINCES.get(row["region"], "").split(",")
        and row["birth_date"] in _BIRTH_DAYS
        and row["enrolled_on"] in ("", *_ENROLLED)
        and row["rights_until"] in ("", *_RIGHTS)
        and _is_among(row["rna_number"], _RNA_NUMBERS)
        and _is_among(row["cnss_number"], _CNSS_NUMBERS)
    )


def _is_among(number: str, numbers: tuple[int, int]) -> bool:
    first, many = numbers
    return number.isdecimal() and first <= int(number) < first + many


_FIRST_NAMES, _FAMILY_NAMES = frozenset(_WOMEN + _MEN), frozenset(_FAMILIES)
_BIRTH_DAYS = frozenset(_BIRTH_DATES)
_SAMPLE_PEOPLE = frozenset(
    (number, born.isoformat()) for number, born in SAMPLE_IDENTITIES.values()
)
