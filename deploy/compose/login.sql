-- Run at each start, by the tables' owner: the login of web, worker and exporter, with the password
-- that compose.env has now.
\getenv web_password WEB_PASSWORD
SELECT 'CREATE ROLE maalem_web LOGIN IN ROLE maalem_app'
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'maalem_web') \gexec
ALTER ROLE maalem_web PASSWORD :'web_password';
