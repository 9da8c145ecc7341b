"""Reimbursements: CNSS's claims of an artisan, their state, and how the money is collected.

CNSS decides and pays; here is its last word, and the artisan's choice of cash or bank.
models is the table, service records CNSS's word and the choice, collection exports the choices,
queries reads, errors are the refusals.
A new state: a word of STATES, a migration, and its words `claim.<state>`.
"""
