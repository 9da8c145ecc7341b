"""The digests of CINs, stored again under today's key in batches; no CIN is needed for it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import LargeBinary, bindparam, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.base.keys import Key, Keys, KeyUnknown, Purpose
from app.base.operation import Operation
from app.enrolment.models import artisan
from app.enrolment.registry_staging import wait_for_imports
from app.enrolment.rules import digest_cin_again

_FORMS = (bindparam("old", type_=ARRAY(LargeBinary)), bindparam("new", type_=ARRAY(LargeBinary)))
# A digest that another holds already stays: two entries have one CIN, which the help desk mends.
_STORE = text(
    """
    UPDATE artisan SET cin_digest = form.new
    FROM unnest(CAST(:old AS bytea[]), CAST(:new AS bytea[])) AS form(old, new)
    WHERE artisan.cin_digest = form.old
        AND NOT EXISTS (SELECT FROM artisan other WHERE other.cin_digest = form.new)
    """
).bindparams(*_FORMS)
_EARLIER = text(
    """
    SELECT import_id, artisan_id, earlier->>'cin_digest' AS cin FROM registry_import_update
    WHERE (import_id, artisan_id) > (:import_id, :artisan_id)
        AND substr(earlier->>'cin_digest', 3, 8) = ANY(:names)
        AND length(earlier->>'cin_digest') > 66
    ORDER BY import_id, artisan_id LIMIT :most
    """
)
_STORE_EARLIER = text(
    """
    UPDATE registry_import_update SET earlier = jsonb_set(earlier, '{cin_digest}',
        coalesce(to_jsonb(CAST(:cin AS text)), 'null'))
    WHERE import_id = :import_id AND artisan_id = :artisan_id
    """
)


def store_cins_again(
    operation: Operation, keys: Keys, after: bytes | None, most: int
) -> tuple[bytes | None, int]:
    """Stores the next digests that an older key made, in their order, under today's.

    Returns the last one seen, None behind the end, and how many were stored.
    """
    connection, column = operation.connection, artisan.c.cin_digest
    # An import compares digests for as long as it takes.
    wait_for_imports(connection)
    held = or_(*(column.between(key.mark, key.mark + b"\xff" * 48) for key in _older(keys)))
    rows = select(column).where(held).order_by(column).limit(most)
    found = (
        connection.execute(rows if after is None else rows.where(column > after)).scalars().all()
    )
    forms = dict(_digest_again(found, keys))
    params = {"old": list(forms), "new": list(forms.values())}
    stored = connection.execute(_STORE, params).rowcount if forms else 0
    return (found[-1] if found else None), stored


def store_earlier_cins_again(
    operation: Operation, keys: Keys, after: tuple[int, int] | None, most: int
) -> tuple[tuple[int, int] | None, int]:
    """Stores the next digests again that undoing an import would bring back, in their order.

    Returns import and artisan of the last one seen, None behind the end, and how many were stored.
    """
    params: dict[str, object] = {"names": [key.id for key in _older(keys)], "most": most}
    params |= dict(zip(("import_id", "artisan_id"), after or (0, 0), strict=True))
    rows = operation.connection.execute(_EARLIER, params).all()
    forms = dict(_digest_again((bytes.fromhex(row.cin[2:]) for row in rows), keys))
    for row in rows:
        # What cannot be opened is forgotten: the next import brings the CIN again.
        new = forms.get(bytes.fromhex(row.cin[2:]))
        changed = {"import_id": row.import_id, "artisan_id": row.artisan_id}
        changed["cin"] = f"\\x{new.hex()}" if new else None
        operation.connection.execute(_STORE_EARLIER, changed)
    last = rows[-1] if len(rows) == most else None
    return ((last.import_id, last.artisan_id) if last else None), len(rows)


def _older(keys: Keys) -> list[Key]:
    return list(keys.all(Purpose.CIN)[1:])


def _digest_again(found: Iterable[bytes], keys: Keys) -> Iterable[tuple[bytes, bytes]]:
    for stored in found:
        try:
            yield stored, digest_cin_again(stored, keys)
        except (KeyUnknown, ValueError):
            continue
