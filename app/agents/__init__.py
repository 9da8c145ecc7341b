"""Agencies and agents of the network: who may take cash, and their sign-in.

models are the tables, service signs in and adds, queries read, errors say why not.
"""
