"""What operators see: structured logs with redaction by type, metrics, and how talks went.

logs sets up structlog, metrics names every figure; hops stores what each hop leaves, funnel counts
it, talks reads one talk again. A new figure: one line in metrics.
"""
