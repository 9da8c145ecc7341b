"""Agent networks: their agencies, the agents there with sign-in and limits, and their systems.

models are the tables, rules read texts of files and phones (pure), towns the towns and regions
shipped as data, agency_file reads a network's list of agencies, service adds and signs in, clients
are the systems that call the payments API, queries read, errors are the refusals. A new town is a
line of towns.csv.
"""
