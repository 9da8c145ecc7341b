"""What is asked for by machines alone: gateways, SMS providers, monitoring."""

from flask import Flask

from app.runtime import Runtime
from app.web import access, health, lifecycle, sms, ussd


def register_machines(app: Flask, runtime: Runtime) -> None:
    """Registers the blueprints for machines, and wraps every request. Raises: UndeclaredRoute."""
    lifecycle.register(app, runtime)
    app.register_blueprint(ussd.blueprint(runtime.settings))
    app.register_blueprint(sms.blueprint(runtime.settings))
    app.register_blueprint(health.pages)
    access.check_routes(app, production=runtime.settings.production)
