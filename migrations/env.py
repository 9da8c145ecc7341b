"""Alembic's entry: the connection comes from `flask db`, the tables from every room's models."""

from alembic import context

import app.agents.models
import app.assistance.models
import app.claims.models
import app.enrolment.models
import app.ledger.models
import app.messaging.models
import app.mobile_money.models
import app.notices.models
import app.observe.models
import app.payments.models
import app.reminders.models
import app.settlement.models  # noqa: F401
from app.base.database import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
