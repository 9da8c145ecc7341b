"""A copy of the program, to which a test adds files and lines as a developer does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from filecmp import cmp
from pathlib import Path
from shutil import copytree

from app.runtime import Runtime
from app.settings import ROOT

_PARTS = ("app", "menus", "migrations")
_DIAL = """
import json
import sys
from datetime import datetime
from app import create_app
from app.runtime import Runtime
from app.settings import read_settings

moment, calls = sys.argv[1], json.loads(sys.argv[2])
runtime = Runtime(read_settings(), clock=lambda: datetime.fromisoformat(moment))
client = create_app(runtime).test_client()
screens = []
for session, (phone, *answers) in enumerate(calls):
    runtime.redis.flushdb()  # earlier dialogues are long over
    for hop in range(len(answers) + 1):
        form = {
            "sessionId": session, "phoneNumber": phone, "networkCode": "60401",
            "serviceCode": "*384#", "text": "*".join(answers[:hop]),
        }
        screen = client.post("/ussd/africastalking", data=form).text
    screens.append(screen)
print(json.dumps(screens))
"""


class Checkout:
    """The program's files in a folder of their own, run on the engines of a test's runtime."""

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        self.folder = folder
        self._moment = runtime.clock().isoformat()
        settings = runtime.settings
        self._environment = os.environ | {
            "APP_ENV": "development",
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "LOG_LEVEL": "error",
        }
        for part in _PARTS:
            # Compiled files too: of what a test leaves as it is, nothing is compiled again.
            copytree(ROOT / part, folder / part)

    def append(self, path: str, text: str) -> None:
        """Adds lines at the end of a file; makes the file if it is new."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(text)

    def insert(self, path: str, text: str, before: str) -> None:
        """Adds lines in front of the first line that is `before`."""
        file = self.folder / path
        content = file.read_text("utf-8")
        assert f"\n{before}\n" in content
        file.write_text(content.replace(f"\n{before}\n", f"\n{text}{before}\n", 1), "utf-8")

    def changed_files(self) -> set[str]:
        """Returns the files that are new, or differ from the program's own."""
        files = (file for part in _PARTS for file in (self.folder / part).rglob("*"))
        names = [
            file.relative_to(self.folder)
            for file in files
            if file.is_file() and "__pycache__" not in file.parts
        ]
        return {
            name.as_posix()
            for name in names
            if not (ROOT / name).exists() or not cmp(ROOT / name, self.folder / name, False)
        }

    def flask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run("-m", "flask", "--app", "app:create_app", *words)

    def dial(self, *calls: tuple[str, ...]) -> list[str]:
        """Returns the last screen of each call; a call is a phone and its answers, a hop each."""
        done = self._run("-c", _DIAL, self._moment, json.dumps(calls))
        assert done.returncode == 0, done.stderr
        screens: list[str] = json.loads(done.stdout)
        return screens

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
