"""Backs the database up, brings it back, and gathers what a restore could not bring.

base_backups and following fill a store (encrypted files, store.py); restoring makes a server of
them; rehearsal compares that server with the running one. PostgreSQL's own programs do the work:
to use another one, find it in programs.py. Redis is not backed up: docs/backup.md says what is lost
with it.
"""
