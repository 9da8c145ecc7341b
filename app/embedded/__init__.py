"""The embedded engines: a real PostgreSQL and a real Redis or Valkey, for one data folder.

For development and tests only; production brings its own through DATABASE_URL and REDIS_URL. Both
listen on Unix sockets alone, so checkouts side by side never meet. Every command holds a shared
lock while it uses them. The first command starts them and the last one stops them; `users` counts
a killed command as ended.
"""

from app.embedded.postgres import postgres_pid, start_postgres, stop_postgres
from app.embedded.processes import EngineFailed
from app.embedded.redis import redis_pid, start_redis, stop_redis
from app.embedded.urls import describe_engines, engine_urls
from app.embedded.users import using_engines

__all__ = [
    "EngineFailed",
    "describe_engines",
    "engine_urls",
    "postgres_pid",
    "redis_pid",
    "start_postgres",
    "start_redis",
    "stop_postgres",
    "stop_redis",
    "using_engines",
]
