"""The package index that pip is set to use, asked for the files of a package."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass

import requests

_SECONDS = 60
_TRIES = 3
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
_LINK = re.compile(r'<a[^>]*href="[^"]*?(?:#sha256=(\w+))?"[^>]*>\s*([^<\s]+)\s*</a>')


class IndexAway(Exception):
    """The index cannot be reached, so nothing can be said of any pin."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a package in the index."""

    name: str
    sha256: str | None


class Index:
    """The index at one address."""

    def __init__(self, address: str, certificates: str | None = None) -> None:
        self._address = address.rstrip("/")
        self._session = requests.Session()
        self._session.headers["Accept"] = _ACCEPT
        if certificates:
            self._session.verify = certificates
        retries = requests.adapters.Retry(_TRIES, backoff_factor=1, status_forcelist=(502, 503))
        adapter = requests.adapters.HTTPAdapter(max_retries=retries, pool_maxsize=8)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)

    def list_files(self, package: str) -> list[File]:
        """Returns what the index has of a package, nothing where it does not know the name.

        Raises: IndexAway.
        """
        name = re.sub(r"[-_.]+", "-", package).lower()
        try:
            answer = self._session.get(f"{self._address}/{name}/", timeout=_SECONDS)
            if answer.status_code == 404:
                return []
            answer.raise_for_status()
        except requests.RequestException as error:
            raise IndexAway(f"the package index cannot be reached: {error}") from None
        if "json" in answer.headers.get("Content-Type", ""):
            listed = answer.json()["files"]
            return [File(file["filename"], file["hashes"].get("sha256")) for file in listed]
        return [File(name, sha256 or None) for sha256, name in _LINK.findall(answer.text)]


def configured_index() -> Index:
    """Returns the index that pip asks: its settings and its environment decide, else its own."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    settings = dict(re.findall(r"(?m)^(?:global|install|:env:)\.([\w-]+)='(.*)'$", listed.stdout))
    certificates = settings.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE")
    return Index(settings.get("index-url") or _default_address(), certificates)


def _default_address() -> str:
    from pip._internal.models.index import PyPI

    return str(PyPI.simple_url)
