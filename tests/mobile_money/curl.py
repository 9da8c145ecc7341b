"""A curl for machines that have none: the options that docs/api.md uses, and no other."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import requests


def install(folder: Path) -> None:
    """Puts a program named `curl` into the folder, for the PATH of a shell."""
    program = folder / "curl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n', "utf-8")
    program.chmod(0o755)


def main() -> None:
    """Sends one request as curl does and prints the answer's body, whatever its status."""
    parser = argparse.ArgumentParser(prog="curl")
    parser.add_argument("-s", action="store_true", help="no progress bar, which is never shown")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("url")
    options = parser.parse_args()
    answer = requests.request(
        options.method or ("GET" if options.body is None else "POST"),
        options.url,
        headers=dict(line.split(": ", 1) for line in options.headers),
        data=None if options.body is None else options.body.encode(),
        allow_redirects=False,
        timeout=30,
    )
    sys.stdout.buffer.write(answer.content)


if __name__ == "__main__":
    main()
