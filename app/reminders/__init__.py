"""Messages to many: reminders of what is due, and official notices. Whom, when, at what cost.

calendar says when one may write (calendar.yaml), rules which steps are due (pure), service writes
down whom to tell and takes back what became pointless, preparing makes each a message while the
hours allow, budgets stops before money runs out, broadcasts needs two people, queries report.
A new step: an entry in calendar.yaml, its name in STEPS, its words `sms.reminder_<step>`.
"""
