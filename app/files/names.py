"""The name of a file that somebody gave."""

import unicodedata

_LONGEST_NAME = 120


def read_file_name(given: str) -> str:
    """Returns the name of a given file without folders and unseen signs, its end kept."""
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rsplit("/", maxsplit=1)[-1]
    seen = "".join(sign for sign in last if sign.isprintable()).strip(" .")
    # A name of a file system has at most 255 bytes, a letter up to four.
    while len(seen.encode()) > 200:
        seen = seen[1:]
    return seen[-_LONGEST_NAME:] or "file.csv"
