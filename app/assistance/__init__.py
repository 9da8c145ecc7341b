"""Requests for help: enrolment, bank, Dar Al Moukawil, exports, a call back.

Who asks gets a reference by SMS and can look the request up again; the help desk takes it and
closes it (`flask assistance`). models is the table, rules the kinds and topics (pure), centres
where Dar Al Moukawil is, service asks and moves on, queries read, errors say why not. A new topic:
a word of TOPICS and its words `topic.<kind>.<topic>`.
"""
