"""Messages to many: reminders of what is due, and official notices. Who, when, how much, and whether.

calendar says when one may write (calendar.yaml), rules what is due on a day and for whom (pure),
campaigns writes down whom to tell, preparing turns each into a message while the hours allow,
budgets stops before money runs out, broadcasts needs two people, report compares with the holdout.
A new step: an entry in calendar.yaml, its name in STEPS, its words `sms.reminder_<step>`.
"""
