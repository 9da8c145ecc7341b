"""Agencies and agents of the network: where they are, who may take cash, up to what, their sign-in.

models are the tables, rules read what files and phones say (pure), towns the towns and regions
shipped as data, agency_file reads a network's list of agencies, service adds and signs in,
queries read, errors say why not. A new town is a line of towns.csv.
"""
