"""The fixtures of payments serve these tests too: what is booked was paid."""

from tests.payments.conftest import books, payments

__all__ = ["books", "payments"]
