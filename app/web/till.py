"""The agent's till."""

from flask import Flask

from app.runtime import Runtime


def register(app: Flask, runtime: Runtime) -> None:
    pass
