"""What others' books say: the agent network's settlement file, and CNSS's answers.

A file is taken whole or not at all, and once. What does not agree is a break (payments/breaks.py).
To take another file: its columns and what is wrong with a line in a `*_file.py`, pure.
"""
