"""The office: who works there, who signs in, and when two people are really two.

models are the tables, rules read names, roles and passwords (pure), service adds, dismisses and
signs in, two_people refuses one person for both parts of an act, queries read, samples are the
users of development, errors are the refusals. A new role is a word of `rules.ROLES` and of the
table's CHECK.
"""
