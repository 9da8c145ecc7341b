"""Versions of the menus: given by one person, checked by a worker, made live by another.

models are the tables, packing reads what is given, checking runs `flask menus check` on it, service
gives, approves and goes back, queries read, following shows in each process what is live.
"""
