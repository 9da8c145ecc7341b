"""Second factors: a code is good once, wrong ones are counted with the password's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
from argon2 import Type, extract_parameters
from pydantic import SecretStr
from sqlalchemy import text

from app.base.keys import Keys, Purpose
from app.base.operation import Operation, operation
from app.office.authenticators import (
    begin_authenticator,
    enrol_authenticator,
    use_authenticator_code,
    write_address,
)
from app.office.errors import FactorEnrolled, SignInPaused, SignInRefused
from app.office.factors import (
    list_factors,
    remove_all_factors,
    remove_factor,
    use_typed_code,
)
from app.office.recovery_codes import draw_recovery_codes, list_recovery_codes, use_recovery_code
from app.office.rules import OfficeScope
from app.office.service import (
    change_office_user,
    change_password,
    dismiss_office_user,
    reset_office_user,
)
from app.office.sessions import (
    SessionTimes,
    Stage,
    begin_office_session,
    prove_factor,
    use_office_session,
)
from app.office.sign_in import (
    WRONG_SECRETS_ALLOWED,
    check_factor,
    check_secret,
    clear_wrong_secrets,
    forget_unknown_names,
)
from app.runtime import Runtime
from tests.people_of_office import add_person, code_of, secret_of


@contextmanager
def change(runtime: Runtime, by: str = "amina") -> Iterator[Operation]:
    with operation(runtime.database, runtime.clock(), by) as opened:
        yield opened


@pytest.fixture
def amina(runtime: Runtime) -> str:
    add_person(runtime, "amina", "helpdesk")
    return "amina"


@pytest.fixture
def secret(runtime: Runtime, amina: str) -> str:
    """The secret of amina's authenticator app, enrolled some minutes ago."""
    with change(runtime) as opened:
        secret = begin_authenticator(opened, runtime.keys, amina)
        assert begin_authenticator(opened, runtime.keys, amina) == secret
        assert (
            enrol_authenticator(opened, runtime.keys, amina, code_of(runtime, secret, -9)) is False
        )
        assert enrol_authenticator(opened, runtime.keys, amina, code_of(runtime, secret))
    move_on(runtime, minutes=5)
    return secret


def move_on(runtime: Runtime, **time: float) -> None:
    clock = runtime.clock
    clock.now = runtime.clock() + timedelta(**time)  # type: ignore[attr-defined]


def use(runtime: Runtime, typed: str) -> bool:
    with change(runtime) as opened:
        return use_authenticator_code(opened, runtime.keys, "amina", typed)


def test_a_code_is_good_once_and_none_before_it_after_it(runtime: Runtime, secret: str) -> None:
    now, before, after = (code_of(runtime, secret, steps) for steps in (0, -1, 1))
    for typed in (code_of(runtime, secret, -2), code_of(runtime, secret, 2), "", "12345", "é" * 6):
        assert not use(runtime, typed), typed
    assert use(runtime, f" {now[:3]} {now[3:]} ")
    assert not use(runtime, now)
    assert not use(runtime, before)
    assert use(runtime, after.translate({48 + n: 0x660 + n for n in range(10)}))
    assert not use(runtime, after)


def test_a_code_sent_many_times_at_once_opens_once(runtime: Runtime, secret: str) -> None:
    code = code_of(runtime, secret)
    with ThreadPoolExecutor(4) as many:
        assert sum(many.map(partial(use, runtime), [code] * 4)) == 1


def test_a_recovery_code_opens_once_even_at_once_and_is_seen_as_used(
    runtime: Runtime, amina: str
) -> None:
    with change(runtime) as opened:
        codes = draw_recovery_codes(opened, runtime.random, amina)
    assert len(set(codes)) == 10

    def open_with(typed: str) -> bool:
        with change(runtime) as opened:
            return use_recovery_code(opened, amina, typed)

    with ThreadPoolExecutor(4) as many:
        assert sum(many.map(open_with, [codes[3]] * 4)) == 1
    assert open_with(codes[5].upper().replace("-", " "))
    with runtime.database.connect() as connection:
        used = [one.position for one in list_recovery_codes(connection, amina) if one.used_at]
        stored = connection.execute(text("SELECT code_digest FROM office_recovery_code")).scalars()
        assert not any(code.encode() in bytes(digest) for digest in stored for code in codes)
    assert used == [4, 6]
    with change(runtime) as opened:
        draw_recovery_codes(opened, runtime.random, amina)
    assert not open_with(codes[0])


def test_the_secret_is_sealed_and_follows_another_key(runtime: Runtime, secret: str) -> None:
    with runtime.database.connect() as connection:
        sealed = connection.execute(text("SELECT secret FROM office_authenticator")).scalar_one()
    assert secret not in sealed and sealed[:8] == runtime.keys.ids[0]
    assert f"secret={secret}" in write_address(secret, "amina")
    others = Keys(b"another secret of 32 characters!")
    with change(runtime) as opened:
        code = code_of(runtime, secret)
        assert not use_authenticator_code(opened, others, "amina", code)
        assert runtime.keys.open(Purpose.AUTHENTICATOR, sealed) == secret


def test_wrong_codes_count_with_wrong_passwords_and_a_right_password_forgives_none(
    runtime: Runtime, secret: str
) -> None:
    def try_code(typed: str) -> str:
        refusal = None
        with change(runtime) as opened:
            check_secret(opened, "amina", SecretStr(secret_of("amina")))
            prove = partial(use_typed_code, opened, runtime.keys, "amina", typed)
            try:
                return check_factor(opened, "amina", prove)
            except SignInRefused as refused:
                refusal = refused
        return refusal.code

    for _ in range(WRONG_SECRETS_ALLOWED):
        assert try_code("000000") == "sign_in_refused"
    with pytest.raises(SignInPaused):
        try_code(code_of(runtime, secret))
    move_on(runtime, minutes=16)
    assert try_code(code_of(runtime, secret)) == "authenticator"


def test_an_unknown_name_is_refused_and_paused_as_a_user_is(runtime: Runtime, amina: str) -> None:
    add_person(runtime, "driss", "helpdesk")
    with change(runtime) as opened:
        dismiss_office_user(opened, "driss")

    def try_password(name: str) -> str:
        with change(runtime) as opened:
            try:
                check_secret(opened, name, SecretStr("not this one"))
            except (SignInRefused, SignInPaused) as refused:
                return f"{refused}".replace(name, "NAME")
        return "in"

    for minutes in (0, 14, 2, 29, 2):
        move_on(runtime, minutes=minutes)
        known, unknown, dismissed = (
            [try_password(name) for _ in range(7)] for name in ("amina", "nobody", "driss")
        )
        assert known == unknown == dismissed
    assert known[-1].startswith("sign_in_paused")
    move_on(runtime, days=3)
    with change(runtime) as opened:
        assert forget_unknown_names(opened) == 2


def test_a_session_stands_at_its_stage_until_everything_is_proven(
    runtime: Runtime, amina: str
) -> None:
    def stage(token: SecretStr, required: bool = False) -> Stage | None:
        with change(runtime) as opened:
            session = use_office_session(opened, token, SessionTimes(), factor_required=required)
        return session and session.stage

    with change(runtime) as opened:
        token = begin_office_session(opened, runtime.random, amina)
    assert stage(token) is Stage.OPEN and stage(token, True) is Stage.ENROLMENT
    with change(runtime) as opened:
        app = begin_authenticator(opened, runtime.keys, amina)
        assert stage(token) is Stage.OPEN
        assert enrol_authenticator(opened, runtime.keys, amina, code_of(runtime, app))
    assert stage(token) is Stage.FACTOR
    with change(runtime) as opened:
        session = use_office_session(opened, token, SessionTimes())
        assert session is not None
        proven = prove_factor(opened, runtime.random, session.id, "authenticator")
    assert stage(token) is None and stage(proven, True) is Stage.OPEN
    with change(runtime) as opened:
        opened.connection.execute(text("UPDATE office_user SET one_time_until = now()"))
        late = begin_office_session(opened, runtime.random, amina)
    assert stage(proven) is Stage.PASSWORD and stage(late) is Stage.FACTOR
    move_on(runtime, minutes=6)
    assert stage(late) is None


@pytest.mark.parametrize(
    "why", ["changed", "dismissal", "factor", "factors", "new password", "reset"]
)
def test_what_takes_a_right_away_ends_every_session(
    runtime: Runtime, secret: str, why: str
) -> None:
    add_person(runtime, "karim")
    with change(runtime) as opened:
        tokens = [begin_office_session(opened, runtime.random, "amina") for _ in range(2)]
        draw_recovery_codes(opened, runtime.random, "amina")
    with change(runtime, "karim") as opened:
        if why == "changed":
            change_office_user(opened, "amina", "chamber", OfficeScope(region="Fès-Meknès"))
        elif why == "dismissal":
            dismiss_office_user(opened, "amina")
        elif why == "new password":
            own, new = SecretStr(secret_of("amina")), SecretStr("a loaf of barley")
            change_password(opened, "amina", own, new)
        elif why == "reset":
            reset_office_user(opened, "amina", SecretStr("mint-tea-and-bread"))
        elif why == "factor":
            assert remove_factor(opened, "amina", None) and not remove_factor(opened, "amina", None)
        else:
            remove_all_factors(opened, "amina")
    with change(runtime) as opened:
        assert [use_office_session(opened, token, SessionTimes()) for token in tokens] == [None] * 2
        left = list_factors(opened.connection, "amina")
        assert left.any == (why not in ("factor", "factors"))
        assert bool(left.recovery_codes) == left.any


def test_an_enrolled_app_is_not_begun_again_under_its_owner(runtime: Runtime, secret: str) -> None:
    with change(runtime) as opened, pytest.raises(FactorEnrolled):
        begin_authenticator(opened, runtime.keys, "amina")
    with change(runtime) as opened:
        clear_wrong_secrets(opened, "amina")


def test_the_use_of_a_session_is_noted_once_a_minute(runtime: Runtime, amina: str) -> None:
    with change(runtime) as opened:
        token = begin_office_session(opened, runtime.random, amina)

    def use() -> object:
        with change(runtime) as opened:
            assert use_office_session(opened, token, SessionTimes())
            return opened.connection.execute(text("SELECT seen_at FROM office_session")).scalar()

    began = use()
    runtime.clock.now += timedelta(seconds=59)  # type: ignore[attr-defined]
    assert use() == began
    runtime.clock.now += timedelta(seconds=1)  # type: ignore[attr-defined]
    assert use() == runtime.clock() != began


@pytest.mark.slow_secrets
def test_a_password_is_hashed_as_owasp_asks_at_least(runtime: Runtime, amina: str) -> None:
    with change(runtime) as opened:
        stored = opened.connection.execute(text("SELECT password_hash FROM office_user")).scalar()
    kept = extract_parameters(str(stored))
    assert (kept.type, kept.memory_cost, kept.time_cost) == (Type.ID, 19 * 1024, 2)
    assert kept.salt_len >= 16 and kept.hash_len >= 32
