"""The first tables of every room, in migrations/first: a file a room.

It stays as it is: databases were made by it. A column that changes is changed in the room's
models.py and by a migration of its own, named by what it adds.
"""

import re
from pathlib import Path

from alembic import op

revision = "0001_first"
down_revision = None
branch_labels = None
depends_on = None

FOLDER = Path(__file__).parents[1] / "first"
# A room comes after the rooms that its foreign keys name.
ROOMS = (
    "every_room",
    "agents",
    "enrolment",
    "claims",
    "assistance",
    "messaging",
    "notices",
    "reminders",
    "payments",
    "reconciliation",
    "ledger",
    "money_guards",
    "mobile_money",
    "observe",
)


def upgrade() -> None:
    for room in ROOMS:
        op.execute(_read_sql(room))


def downgrade() -> None:
    """Drops what the files create, last first; a table takes its triggers with it."""
    sql = "\n".join(map(_read_sql, ROOMS))
    for kind in ("TABLE", "SEQUENCE", "FUNCTION"):
        for name in reversed(re.findall(rf"^CREATE {kind} (\w+)", sql, re.MULTILINE)):
            op.execute(f"DROP {kind} {name}")


def _read_sql(room: str) -> str:
    return (FOLDER / f"{room}.sql").read_text(encoding="utf-8")
