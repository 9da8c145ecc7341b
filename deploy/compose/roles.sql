-- Run once, by the server's administrator, in a new server: the tables' owner and its database, and
-- the role that may copy the server (docs/operations.md, Roles in the database).
\getenv owner_password OWNER_PASSWORD
\getenv backup_password BACKUP_PASSWORD
CREATE ROLE maalem_owner LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE DATABASE maalem OWNER maalem_owner;
CREATE ROLE maalem_backup LOGIN REPLICATION PASSWORD :'backup_password';
-- Who copies comes from another container.
COPY (SELECT 'host replication maalem_backup samenet scram-sha-256')
    TO PROGRAM 'cat >> pg_hba.conf';
