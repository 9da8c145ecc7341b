"""A server that behaves like both providers' APIs, with their faults on request.

For tests, soaks and a look by hand: nothing leaves the machine. A new provider's side is a file
like africastalking.py or twilio.py and a line in server's DIALECTS; faults says what can go wrong.
"""
