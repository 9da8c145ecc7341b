"""The image: built without a registry, it serves as nobody in particular on a read-only tree."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from app.cli.serve import WEB_COMMAND
from app.settings import ROOT
from supply.image import Image, read_moment
from tests.conftest import free_port
from tests.pg_servers import PgServer, folder_for_engines
from tests.redis_servers import RedisServer
from tests.servers import await_ready

# What `podman run` needs here; the rest is as deploy/compose.yaml has it.
RUN = (
    *("--runtime=runc", "--network=host", "--ulimit=nofile=4096:4096", "--ulimit=nproc=1000:1000"),
    *("--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"),
    "--tmpfs=/var/lib/maalem:mode=0777",
)
pytestmark = pytest.mark.xdist_group("image")


@pytest.fixture
def engines_of_it(tmp_path: Path) -> Iterator[dict[str, str]]:
    with folder_for_engines() as folder:
        primary, redis = PgServer(folder / "primary"), RedisServer(tmp_path / "redis")
        primary.make()
        try:
            primary.start("fsync=off")
            redis.start()
            url = f"redis://127.0.0.1:{redis.port}"
            yield {"APP_ENV": "development", "DATABASE_URL": primary.url, "REDIS_URL": url}
        finally:
            primary.kill()
            redis.kill()


def test_the_image_answers_a_phone_on_a_read_only_tree(
    image: Image, engines_of_it: dict[str, str]
) -> None:
    assert "database at " in run(image, engines_of_it, "maalem", "db", "upgrade")
    who = "import os; print(os.getuid(), os.listdir('/build') if os.path.exists('/build') else '')"
    assert run(image, engines_of_it, "python", "-c", who).split() == ["10001"]
    # A volume there begins with what the image has, and is ours to write.
    owned = "import os; it = os.stat('/var/lib/maalem'); print(it.st_uid, oct(it.st_mode))"
    alone = podman(image, "run", "--rm", *RUN[:-1], "maalem", "python", "-c", owned)
    told = subprocess.run(alone, check=True, stdout=subprocess.PIPE, text=True)
    assert told.stdout.split() == ["10001", "0o40700"]
    tried = "open('/opt/maalem/changed', 'w')"
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        run(image, engines_of_it, "python", "-c", tried)

    port = free_port()
    served = engines_of_it | {"GRANIAN_PORT": str(port), "GRANIAN_HOST": "127.0.0.1"}
    running = subprocess.Popen(
        podman(image, "run", "--name=web", *RUN, *as_options(served), "maalem"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        await_ready(f"http://127.0.0.1:{port}", 90)
        dialled = {"sessionId": "1", "phoneNumber": "+212600000099", "text": ""}
        told = requests.post(f"http://127.0.0.1:{port}/ussd/africastalking", dialled, timeout=10)
        assert told.status_code == 200 and told.text.startswith("CON ") and "1" in told.text
        check = podman(image, "exec", "web", *read_health_check())
        subprocess.run(check, check=True)
    finally:
        stopped = subprocess.run(podman(image, "stop", "--time=15", "web"), check=False)
        running.communicate(timeout=30)
    assert stopped.returncode == 0 and running.returncode == 0, "it ends when it is asked to"


def test_the_image_says_what_it_is_and_what_is_in_it(image: Image) -> None:
    told = subprocess.run(
        podman(image, "inspect", "--type=image", "maalem"),
        check=True,
        capture_output=True,
        text=True,
    )
    about = json.loads(told.stdout)[0]
    config = about["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.version"] == image.version
    assert len(config["Labels"]["org.opencontainers.image.revision"]) == 40
    assert about["Created"].startswith(read_day(int(read_moment())))
    same = {word for word in WEB_COMMAND if not word.startswith(("--host", "--workers-kill"))}
    assert same <= set(config["Cmd"]) and config["Cmd"][-1] == "app:create_server"

    bill = json.loads(image.write_bill())
    urls = {each["purl"] for each in bill["components"]}
    for kind in ("pkg:pypi/flask@", "pkg:deb/debian/libc6@", "pkg:deb/debian/python3@"):
        assert any(url.startswith(kind) for url in urls), kind


def read_day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def read_health_check() -> list[str]:
    lines = (ROOT / "deploy/Containerfile").read_text("utf-8").splitlines()
    line = next(line for line in lines if line.startswith("HEALTHCHECK "))
    return list(map(str, json.loads(line.partition(" CMD ")[2])))


def run(image: Image, environment: dict[str, str], *command: str) -> str:
    """Runs a command in a container of its own and returns what it writes."""
    words = podman(image, "run", "--rm", *RUN, *as_options(environment), "maalem", *command)
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def podman(image: Image, *words: str) -> list[str]:
    return ["podman", "--cgroup-manager=cgroupfs", *image.store, *words]


def as_options(environment: dict[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in environment.items()]
