"""Holds payment codes, deposits and the months they settle. The service issues references and books
the cash that an agent network collected; it never holds money (law 103-12).

codes issues, cancels and expires codes; presentment shows a payable one; deposits books the cash
for it (redemption has the one conditional update); reversals undoes a deposit, till_reversals
checks what allows an agent to; receipts, queries, agent_day and code_history read. models has the
tables and the rules the database enforces. A new way for cash to arrive calls
deposits.redeem_code, the only function that books it.
"""
