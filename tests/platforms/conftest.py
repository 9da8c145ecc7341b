"""A check that could not reach the index is named last, and in CI or asked for it is a failure."""

import os

import pytest

from supply.index import IndexAway


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> object:
    try:
        return (yield)
    except IndexAway as away:
        if os.environ.get("CI") == "true" or os.environ.get("PLATFORMS") == "asked":
            pytest.fail(f"NOT CHECKED: {away}", pytrace=False)
        pytest.skip(f"NOT CHECKED: {away}")
