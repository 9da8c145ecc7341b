from tests.payments.conftest import payments  # noqa: F401 - a fixture here too
