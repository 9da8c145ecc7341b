"""The floor: a bare Flask handler that reads the posted form, one GET, one SET, and answers.

With FLOOR_INSERTS_AT it makes one durable insert more on the hop with that chain, as P3 wants.
"""

import os
from threading import local

import psycopg
from flask import Flask, request
from redis import Redis

app = Flask("floor")
_redis = Redis.from_url(os.environ["REDIS_URL"])
_inserts_at = os.environ.get("FLOOR_INSERTS_AT")
_thread = local()


@app.post("/ussd/africastalking")
def hop() -> str:
    session, chain = request.form["sessionId"], request.form["text"]
    key = "floor:" + session
    before = _redis.get(key)
    if chain == _inserts_at:
        _insert(session)
    _redis.set(key, chain, ex=200)
    return "CON first" if before is None else "CON again"


def _insert(session: str) -> None:
    """Inserts a row on this thread's connection, committed by itself."""
    if not hasattr(_thread, "connection"):
        _thread.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    insert = "INSERT INTO floor_code (session) VALUES (%s)"
    _thread.connection.execute(insert, [session], prepare=True)


@app.post("/constant")
def constant() -> str:
    """Answers at once, to check that the load generator is not the limit."""
    return "CON always"
