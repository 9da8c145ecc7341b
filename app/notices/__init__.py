"""Official notices: a new amount, an amnesty window, shown in every language.

models are the tables, rules what a notice must be (pure), service publishes and withdraws, queries
read the current ones, errors say why not. Published from a file: `flask notices publish`.
"""
