"""The app with as many slots for phones as PHONE_SLOTS says, for their measurement alone."""

import os
from dataclasses import replace

from app.web import slots

_PHONES = slots.SLOT_SHARES[slots.Kind.PHONES]
slots.SLOT_SHARES[slots.Kind.PHONES] = replace(_PHONES, slots=int(os.environ["PHONE_SLOTS"]))

from app import create_server  # noqa: E402

__all__ = ["create_server"]
