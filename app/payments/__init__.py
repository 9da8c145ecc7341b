"""Money: codes, deposits, what they settle, the ledger. The service issues references and books
cash that the agent network took; it never holds money (law 103-12).

models are the tables (with the rules the database enforces), rules codes and dues months (pure),
service issues, cancels and expires codes, payable says whether one can be paid, deposits takes cash
for them (taking is its one conditional update), queries and till_queries read, audit keeps who did
what, history tells it of a code, errors are the refusals.
A new way for cash to arrive calls deposits.redeem_code; there is no second way to take money.
"""
