"""deploy/compose.yaml: accepted by Debian's docker-compose, with our commands, little rights, and
roles that PostgreSQL takes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import pytest
import yaml

from app.base.database import connect
from app.cli import _NOUNS
from app.migrating import renew_grants, upgrade
from app.settings import ROOT, Settings
from tests.pg_servers import PgServer, find_program, folder_for_engines
from tests.production import COMPLETE, HOST

FILE = ROOT / "deploy" / "compose.yaml"
GIVEN = {
    **{f"{name}_PASSWORD": token_hex(16) for name in ("OWNER", "WEB", "BACKUP", "REDIS")},
    "MAALEM_HOST": HOST,
    "MAALEM_CERTIFICATE": "/etc/maalem/door.pem",
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What docker-compose reads in the file, its variables filled in."""
    if not (program := shutil.which("docker-compose")):
        assert not os.environ.get("CI"), "docker-compose is not installed"
        pytest.skip("install the package docker-compose")
    folder = tmp_path_factory.mktemp("compose")
    (folder / "maalem.env").touch()
    words = FILE.read_text("utf-8").replace("/etc/maalem/maalem.env", f"{folder}/maalem.env")
    (folder / FILE.name).write_text(words)
    command = [program, "--file", str(folder / FILE.name), "config"]
    given = {"PATH": os.environ["PATH"], **GIVEN}
    told = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    assert told.returncode == 0 and "not set" not in told.stderr, told.stderr
    read: dict[str, dict[str, Any]] = yaml.safe_load(told.stdout)["services"]
    return read


def test_each_process_is_one_of_ours_and_may_do_little(
    services: dict[str, dict[str, Any]],
) -> None:
    ours = {name: each for name, each in services.items() if each["image"].startswith("maalem:")}
    assert set(ours) == {"web", "worker", "exporter", "backup", "migrate"}
    for name, each in ours.items():
        assert each["read_only"] is True and each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        program, noun, *_ = each.get("command", ["maalem", "worker"])
        assert program == "maalem" and noun in _NOUNS, name
        assert "ports" not in each, f"{name} is behind the door"
    built = next(
        line
        for line in (ROOT / "deploy/Containerfile").read_text("utf-8").splitlines()
        if line.startswith("HEALTHCHECK ")
    )
    assert services["web"]["healthcheck"]["test"][1:] == json.loads(built.partition(" CMD ")[2])
    asked = set(re.findall(r"\$\{(\w+)\}", (ROOT / "deploy/haproxy.cfg").read_text("utf-8")))
    assert asked <= set(services["door"]["environment"])


def test_the_door_finds_a_web_server_that_was_started_again(
    services: dict[str, dict[str, Any]],
) -> None:
    address = services["web"]["networks"]["inside"]["ipv4_address"]
    assert services["door"]["environment"]["MAALEM_SERVER"] == f"{address}:8000"


def test_podman_reads_what_docker_reads(services: dict[str, dict[str, Any]]) -> None:
    for name, each in services.items():
        for folder in each.get("tmpfs", ()):
            options = {option.partition("=")[0] for option in folder.partition(":")[2].split(",")}
            assert options <= {"", "mode", "size"}, f"{name}: Podman knows no owner of a tmpfs"
        kind, *words = each.get("healthcheck", {}).get("test", ["NONE"])
        if kind == "CMD":
            assert not re.search(r"\s", "".join(words)), f"{name}: Podman 4 cuts at blanks"


def test_its_settings_are_a_production_that_starts(services: dict[str, dict[str, Any]]) -> None:
    for name in ("web", "backup", "migrate"):
        told = {key.lower(): value for key, value in services[name]["environment"].items()}
        settings = Settings.model_validate(COMPLETE | {"backup_key": token_hex(32)} | told)
        assert settings.production and settings.trusted_proxies, name


def test_its_roles_own_copy_and_work(services: dict[str, dict[str, Any]]) -> None:
    with folder_for_engines() as folder:
        server = PgServer(folder / "data")
        server.make()
        try:
            server.start("fsync=off")
            at = f"127.0.0.1:{server.port}"
            _run_sql("roles", server.url)
            owner_url = f"postgresql://maalem_owner@{at}/maalem"
            owner = connect(owner_url)
            upgrade(owner)
            renew_grants(owner)
            owner.dispose()
            for _ in range(2):  # at each start
                _run_sql("login", owner_url)
            with psycopg.connect(f"postgresql://maalem_web@{at}/maalem") as web:
                assert web.execute("SELECT count(*) FROM artisan").fetchone() == (0,)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    web.execute("CREATE TABLE another ()")
            lines = (server.folder / "pg_hba.conf").read_text().splitlines()
            assert lines[-1] == "host replication maalem_backup samenet scram-sha-256"
            asked = "SELECT rolreplication FROM pg_roles WHERE rolname = 'maalem_backup'"
            assert server.run(asked) == [(True,)]
        finally:
            server.kill()


def _run_sql(name: str, url: str) -> None:
    path: Path = ROOT / "deploy" / "compose" / f"{name}.sql"
    psql = (find_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
    done = subprocess.run(
        [*psql, f"--file={path}", url],
        env=os.environ | GIVEN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
