"""The help desk's acts on people: it finds, shows, unties, resets, proves and merges.

Every look and every act is an audit row with who. What opens what is a person's own waits for a
second person. models is the table of what waits, service looks and acts, errors are the refusals.
"""
