"""The books for the auditor: balances, accounts, and what checking them found, day by day."""

from __future__ import annotations

from datetime import timedelta

from flask import Response
from werkzeug.exceptions import NotFound

from app.base.clock import local_date
from app.base.money import Money
from app.ledger.models import ACCOUNTS
from app.ledger.queries import (
    STATEMENT_SORTING,
    StatementQuery,
    list_statement_page,
    trial_balance,
)
from app.office.rights import Right
from app.reconciliation.books_checks import CHECK_SORTING, list_books_checks
from app.runtime import runtime
from app.web.office.desk import look
from app.web.office.fields import read_asked_day
from app.web.office.frame import may, office_page, pages
from app.web.office.tables import show_table

_CHECKS = 30


@pages.get("/books")
@may(Right.SEE_BOOKS)
def books() -> Response:
    today = local_date(runtime().clock())
    day = read_asked_day("day") or today
    with look() as connection:
        balances = trial_balance(connection, day + timedelta(days=1))
        checks = show_table(
            CHECK_SORTING, lambda asked: list_books_checks(connection, asked), most=_CHECKS
        )
    return office_page(
        "books.html",
        day=day,
        balances=balances,
        total=Money(sum(balance.centimes for balance in balances.values())),
        checks=checks,
        today=today,
    )


@pages.get("/books/<account>")
@may(Right.SEE_BOOKS)
def books_account(account: str) -> Response:
    if account not in ACCOUNTS:
        raise NotFound
    day = read_asked_day("day") or local_date(runtime().clock())
    last = read_asked_day("to") or day
    query = StatementQuery(account, day, last + timedelta(days=1))
    with look() as connection:
        lines = show_table(
            STATEMENT_SORTING, lambda asked: list_statement_page(connection, query, asked)
        )
        balance = trial_balance(connection, last + timedelta(days=1))[account]
    return office_page(
        "books_account.html",
        account=account,
        day=day,
        last=last,
        balance=balance,
        lines=lines,
    )
