"""The office: who works there, who signs in, and when two people are really two.

models are the tables, rules read names, roles and passwords (pure), service adds, changes and
dismisses, sign_in compares secrets and counts wrong ones, factors are what is proven beside the
password (authenticators, passkeys and passkey_answers, recovery_codes), identities who a user is
elsewhere, attempts and provider how that is asked there, sessions the pages' sessions,
two_people refuses one person for two parts of an act, queries read, samples are the users of
development, errors are the refusals. A new role is a word of `rules.ROLES` and of
the table's CHECK.
"""
