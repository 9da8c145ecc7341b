"""The refusals of backups."""

from app.base.errors import MaalemError


class BackupFailed(MaalemError):
    """A backup, a restore or a part of one cannot be done; `what` names it, `why` is one line."""

    code = "backup_failed"
