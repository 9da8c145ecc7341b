"""The GSMA Mobile Money API 1.2, bill payments: what agent networks' systems ask of us.

`objects` writes and reads the definition's JSON, `service` answers a request once, `callbacks`
delivers what was promised. No HTTP server here: `app/web/mobile_money` and the
worker call it.
"""
