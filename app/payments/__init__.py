"""Money: codes, deposits and the months they settle. The service issues references and books the
cash that an agent network collected; it never holds money (law 103-12).

codes issues, cancels and expires codes; presentment shows a payable one; deposits redeems it
(redemption is its one conditional update); reversals gives the cash back; receipts, queries,
agent_day and code_history read. models has the tables and the rules the database enforces.
A new way for cash to arrive calls deposits.redeem_code; there is no second way to take money.
"""
