"""The GSMA Mobile Money API 1.2, bill payments, which the systems of agent networks call.

`objects` reads and writes the definition's JSON, `accounts` finds the artisans that identifiers
name, `bills` lists bills and payments, `look_ups` makes a bill within the `allowance` of a day,
`service` answers a request once (`own_payments` knows the client's repetitions), `requests` stores
it with its answer, `callbacks` delivers promised answers, `errors` are the refusals. No HTTP server
here: `app/web/mobile_money` and the worker call it.
"""
