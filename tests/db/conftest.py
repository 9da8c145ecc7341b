"""The fixture of payments serves these tests too: guards are tried on what was paid."""

from tests.payments.conftest import payments

__all__ = ["payments"]
