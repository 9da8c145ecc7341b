"""The GSMA Mobile Money API 1.2, bill payments, which the systems of agent networks call.

`objects` reads and writes the definition's JSON, `accounts` finds the artisans that identifiers
name, `bills` lists bills and payments, `service` answers a request once, `requests` stores it with
its answer, `callbacks` delivers promised answers, `errors` are the refusals. No HTTP server here:
`app/web/mobile_money` and the worker call it.
"""
