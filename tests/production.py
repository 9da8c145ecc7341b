"""The settings of a production, with secrets drawn anew at each run: none stands in a file.

What stands in this repository is known to everybody, and production refuses it
(tests/test_known_samples.py).
"""

from __future__ import annotations

from secrets import token_hex

from app.runtime import Runtime
from app.settings import Settings

HOST = "maalem.example"
COMPLETE = {
    "app_env": "production",
    "secret_key": token_hex(32),
    "database_url": "postgresql://db/maalem",
    "redis_url": "rediss://cache",
    "callback_token": token_hex(16),
    "public_url": f"https://{HOST}",
    "sms_providers": "africastalking,twilio",
    "africastalking_username": "maalem",
    "africastalking_api_key": token_hex(32),
    "twilio_account_sid": f"AC{token_hex(16)}",
    "twilio_auth_token": token_hex(16),
    "twilio_from": "+212500000000",
    "log_level": "error",
}
TOKEN = COMPLETE["callback_token"]


def production_settings(runtime: Runtime | None = None, **changed: object) -> Settings:
    """Returns a production's settings, on the engines of a runtime if one is given."""
    used = {}
    if runtime:
        used = {
            "database_url": runtime.settings.database_url,
            "redis_url": runtime.settings.redis_url,
        }
    return Settings.model_validate(COMPLETE | used | changed)


def as_environment(**changed: str) -> dict[str, str]:
    """Returns a production's settings as a process is given them."""
    return {name.upper(): value for name, value in COMPLETE.items()} | changed
