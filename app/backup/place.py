"""Says where an installation keeps its backups, by its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.backup.errors import BackupFailed
from app.backup.store import BackupStore, list_servers
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class BackupPlace:
    """The folder of the backups, the secret they are encrypted with, and a folder to work in.

    `work` holds the log that was received and is not stored yet, and rehearsed restores.
    """

    folder: Path
    work: Path
    secret: bytes = field(repr=False)

    def open_store(self, server: str) -> BackupStore:
        """Returns the store of one server."""
        return BackupStore(self.folder, server, self.secret)

    def open_newest(self) -> BackupStore:
        """Returns the store with the newest base backup. Raises: BackupFailed if there is none."""
        servers = list_servers(self.folder)
        if not servers:
            raise BackupFailed(what=str(self.folder), why="no backup is there: `flask backup`")
        return self.open_store(servers[-1])


def get_place(settings: Settings) -> BackupPlace:
    """Returns the installation's place for backups. Raises: BackupFailed if it has none."""
    place = find_place(settings)
    if place is None:
        raise BackupFailed(what="BACKUP_FOLDER", why="not set: nothing is backed up here")
    return place


def find_place(settings: Settings) -> BackupPlace | None:
    """Returns the installation's place for backups; None if the settings name none."""
    folder = settings.backup_folder
    if folder is None and settings.database_url:
        return None
    secret = settings.backup_key or settings.secret_key
    return BackupPlace(
        folder=folder or settings.data_dir / "backup",
        work=settings.data_dir / "backup-work",
        secret=secret.get_secret_value().encode(),
    )
