"""The audit trail: who did what, to whom or to what, and when.

models is the table, service writes a row in the transaction of the act it tells of. Every service
that changes people, money, agents or who may act calls `record_audit`; tests/audit walks them all.
A row names its subject, never a whole phone, a CIN, a PIN or a key.
"""
