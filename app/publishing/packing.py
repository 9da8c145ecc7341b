"""Reads menus that somebody gives, as a zip or a folder, and packs them as they are stored.

What is given comes from anybody's machine: a bomb, a path out of its folder or a foreign file is
refused before anything is written or built.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import yaml

from app.publishing.errors import MenusRefused
from app.text.languages import LANGUAGES
from app.ussd.live import TOOL_FILES

MOST_BYTES = 2 * 2**20
_MOST_UNPACKED, _MOST_FILES = 8 * 2**20, 500
_LONGEST_YAML, _DEEPEST_YAML = 256 * 2**10, 12
# The files of a version; all may lie in one folder of any name.
_FILE = re.compile(
    r"(?:\w[\w.-]*/)?((?:artisan|agent)\.yaml|locales/([\w-]+)/LC_MESSAGES/menus\.po)"
)
# What comes with the program, and what systems leave in folders: it is passed over.
_PASSED_OVER = re.compile(
    r"__MACOSX/.*|(?:.*/)?\.[^/]+|(?:.*/)?Thumbs\.db"
    rf"|(?:\w[\w.-]*/)?(?:{'|'.join(map(re.escape, TOOL_FILES))})"
    r"|(?:\w[\w.-]*/)?locales/[\w-]+/LC_MESSAGES/office_\w+\.po"
)
_SAME_MOMENT = (1980, 1, 1, 0, 0, 0)
MenuFiles = Mapping[str, bytes]


def read_zip(content: bytes) -> MenuFiles:
    """Returns the files of a zip by name, such as `artisan.yaml`. Raises: MenusRefused."""
    if len(content) > MOST_BYTES:
        raise MenusRefused(cause="too_large", file="")
    try:
        with ZipFile(io.BytesIO(content)) as packed:
            named = packed.infolist()
            return _choose((one.filename, partial(_read_packed, packed, one)) for one in named)
    except BadZipFile:
        raise MenusRefused(cause="no_zip", file="") from None


def read_folder(folder: Path) -> MenuFiles:
    """Returns the files of a folder such as menus/ by name. Raises: MenusRefused."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return _choose(
        (path.relative_to(folder).as_posix(), partial(_read_lying, path)) for path in paths
    )


def _read_packed(packed: ZipFile, named: ZipInfo, most: int) -> bytes:
    """Returns at most `most` bytes, whatever the zip says of the size. Raises: MenusRefused."""
    name = _shorten(named.filename)
    if named.flag_bits & 1:
        raise MenusRefused(cause="locked", file=name)
    if named.compress_type not in (ZIP_DEFLATED, ZIP_STORED):
        raise MenusRefused(cause="unread", file=name)
    try:
        with packed.open(named) as file:
            return file.read(most)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError):
        raise MenusRefused(cause="unread", file=name) from None


def _read_lying(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


def _choose(found: Iterator[tuple[str, Callable[[int], bytes]]]) -> MenuFiles:
    files: dict[str, bytes] = {}
    left = _MOST_UNPACKED
    for count, (written, read) in enumerate(found):
        if count >= _MOST_FILES:
            raise MenusRefused(cause="too_many", file="")
        name = _read_name(written)
        if name is None:
            continue
        if name in files:
            raise MenusRefused(cause="twice", file=name)
        files[name] = content = read(left + 1)
        left -= len(content)
        if left < 0:
            raise MenusRefused(cause="too_large", file=name)
        if name.endswith(".yaml"):
            _check_yaml(name, content)
    if not files:
        raise MenusRefused(cause="no_menus", file="")
    return files


def _read_name(written: str) -> str | None:
    """Returns a file's name in a version; None for what is passed over. Raises: MenusRefused."""
    if ".." in written.split("/"):
        raise MenusRefused(cause="foreign", file=_shorten(written))
    if written.endswith("/") or _PASSED_OVER.fullmatch(written):
        return None
    if match := _FILE.fullmatch(written):
        if match[2] and match[2] not in LANGUAGES:
            raise MenusRefused(cause="language", file=_shorten(written))
        return match[1]
    raise MenusRefused(cause="foreign", file=_shorten(written))


def _shorten(written: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in written[:100])


def _check_yaml(name: str, content: bytes) -> None:
    """Raises: MenusRefused for YAML that is none, or that means more than stands there."""
    if len(content) > _LONGEST_YAML:
        raise MenusRefused(cause="too_large", file=name)
    depth = 0
    try:
        for event in yaml.parse(content, Loader=yaml.CBaseLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if isinstance(event, yaml.AliasEvent) or depth > _DEEPEST_YAML:
                raise MenusRefused(cause="not_plain", file=name)
    except (yaml.YAMLError, ValueError):
        raise MenusRefused(cause="no_yaml", file=name) from None


def pack_files(files: MenuFiles) -> bytes:
    """Returns the files as a zip, the same bytes for the same files."""
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as zipped:
        for name in sorted(files):
            zipped.writestr(ZipInfo(name, _SAME_MOMENT), files[name], ZIP_DEFLATED)
    return packed.getvalue()


def unpack_to(folder: Path, content: bytes) -> None:
    """Writes the files of a stored version into a folder. Raises: MenusRefused."""
    for name, file in read_zip(content).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file)
