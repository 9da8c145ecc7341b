"""Messages to people: written into the outbox with what they tell of, sent by the worker.

models is the outbox, service queues a message in the caller's transaction, sending claims, sends
and records, queries read. A new kind of message: its words (`sms.<kind>`), a call of queue_message.
"""
