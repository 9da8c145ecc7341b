"""What operators see: structured logs with redaction by type, and metrics.

logs sets up structlog, metrics names every figure. A new figure: one line in metrics.
"""
