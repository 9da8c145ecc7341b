"""Messages to people: queued in an outbox with what they tell of, sent by the worker.

kinds declares every kind of message, service queues one in the caller's transaction, outbox claims
and records, delivery sends one and decides what it needs next (routing and retries are pure),
reports applies delivery reports, opt_outs and consent keep what phones want, queries read.
A new kind of message: a line in kinds, its words `sms.<kind>`, a call of queue_message.
"""
