"""Debian's own PostgreSQL server is copied, followed, and rehearsed by a worker each week."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from threading import Event

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, text

from app.backup.restored_books import find_owners_url
from app.base.database import reading
from app.gauges.reading import Source
from app.gauges.work import FOLLOWED
from app.jobs.backup import BackupWork
from app.runtime import Runtime
from app.settings import Settings
from tests.backup.conftest import await_log, installed
from tests.pg_servers import PgServer, folder_for_engines
from tests.redis_servers import await_true

HASSAN = "+212600000002"


def test_a_worker_rehearses_a_restore_of_debians_server_once_a_week(
    session_runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with folder_for_engines() as folder:
        server, key = PgServer(folder / "server"), token_hex(32)
        server.make()
        try:
            server.start("fsync=off")
            settings = Settings(
                app_env="development",
                database_url=server.url,
                redis_url=session_runtime.settings.redis_url,
                data_dir=folder / "ours",
                backup_folder=folder / "backups",
                backup_key=SecretStr(key),
                backup_rehearsals=True,
                log_level="error",
            )
            for name in ("database_url", "redis_url", "data_dir", "backup_folder"):
                monkeypatch.setenv(name.upper(), str(getattr(settings, name)))
            monkeypatch.setenv("BACKUP_KEY", key)
            server.run("CREATE ROLE stranger LOGIN")
            with installed(settings, tmp_path) as debian:
                # The books of a restore are told by their owner, whoever the web processes are.
                stranger = make_url(server.url).set(username="stranger", password=None)
                owners = find_owners_url(stranger.render_as_string(hide_password=False))
                assert make_url(owners).username == make_url(server.url).username
                # Until there is a copy nothing is rehearsed: the store is not a worker's to write.
                assert BackupWork(debian.runtime, Event()).do() == 0
                assert debian.run().exit_code == 0
                assert _read_followed(debian.runtime) == []
                with debian.follow().receive():
                    debian.payments.issue(HASSAN)
                    await_log(debian)
                    assert _read_followed(debian.runtime) == [1.0]
                await_true(lambda: _read_followed(debian.runtime) == [0.0], "nobody follows")
                work = BackupWork(debian.runtime, Event())
                for _ in range(2):  # the second time nothing is due
                    assert work.do() == 0
                with debian.runtime.database.connect() as connection:
                    kept = connection.execute(text("SELECT sound, missing FROM backup_rehearsal"))
                    assert kept.all() == [(True, {})]
                # One that cannot begin is not tried at each turn: it copies a whole database.
                _forget_rehearsals(debian.runtime)
                monkeypatch.setenv("BACKUP_KEY", token_hex(32))
                failing = BackupWork(debian.runtime, Event())
                with pytest.raises(RuntimeError, match="rehearsal of a restore failed"):
                    failing.do()
                assert failing.do() == 0
        finally:
            server.kill()


def _read_followed(runtime: Runtime) -> list[float]:
    """What the exporter says of the log, as the alert BackupStandsStill asks for it."""
    with reading(runtime.database) as connection:
        source = Source(connection, runtime.redis, runtime.clock())
        return [values[0] for _, values in FOLLOWED.read(source)]


def _forget_rehearsals(runtime: Runtime) -> None:
    with runtime.owners_database.begin() as connection:
        connection.execute(text("TRUNCATE backup_rehearsal"))
