"""Messages to many: reminders of what is due, and official notices. Whom, when, at what cost.

calendar says when one may write (calendar.yaml), rules which steps are due (pure), service writes
down the recipients and takes back those that became pointless, dispatch queues each message while
the hours allow, budgets stops before money runs out, broadcasts needs two people, queries report.
A new step: an entry in calendar.yaml, its name in STEPS, its kind in messaging/kinds, its words.
"""
