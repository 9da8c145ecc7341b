"""Attacks need the money's fixtures: codes, deposits, and books that are looked at at the end."""

from tests.payments.conftest import books, payments

__all__ = ["books", "payments"]
