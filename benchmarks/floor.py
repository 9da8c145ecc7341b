"""The floor: a bare Flask handler that reads the posted form, one GET, one SET, and answers."""

import os

from flask import Flask, request
from redis import Redis

app = Flask("floor")
_redis = Redis.from_url(os.environ["REDIS_URL"])


@app.post("/ussd/africastalking")
def hop() -> str:
    key = "floor:" + request.form["sessionId"]
    before = _redis.get(key)
    _redis.set(key, request.form["text"], ex=200)
    return "CON first" if before is None else "CON again"


@app.post("/constant")
def constant() -> str:
    """Answers at once, to check that the load generator is not the limit."""
    return "CON always"
