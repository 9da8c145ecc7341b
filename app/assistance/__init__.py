"""Requests for help: enrolment, bank, Dar Al Moukawil, exports, a call back.

The phone gets a reference by SMS and can look the request up again; the help desk takes it and
closes it (`flask assistance`). models is the table, rules the states (pure), centres the towns of
Dar Al Moukawil, service stores and moves requests, queries reads them, errors are the refusals.
A new request: a `says: topic.<kind>.<topic>` in menus/artisan.yaml, and its words.
"""
