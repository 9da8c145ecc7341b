"""Logs with redaction by type, metrics, and recorded dialogues, for operators.

`logs` sets up structlog. `metrics` names every metric. `hops` stores the hops of dialogues,
`funnel` counts them, `talks` reads a recorded dialogue.
To add a metric: one line in `metrics`.
"""
