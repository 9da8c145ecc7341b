"""Tests of one group run in one process of `make test`, never two at a time."""

from __future__ import annotations

from typing import Any

import pytest

GROUP = "one group"


@pytest.mark.xdist_group(GROUP)
def test_the_process_of_a_group_knows_it(request: pytest.FixtureRequest) -> None:
    # xdist writes the group behind the name; a pytest that it cannot speak to would scatter it.
    config: Any = request.config
    if config.getoption("loadgroup", default=False):
        assert request.node.nodeid.endswith(f"@{GROUP}")
