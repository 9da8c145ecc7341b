"""Agent networks: their agencies, the agents there, and the systems that call the payments API.

models are the tables, rules read texts of files and phones (pure), towns are data, agency_file
reads a network's list; networks, agencies, staff (the agents) and clients change and list each
kind; pins, locks, sign_in and sessions let agents in; queries read, errors are the refusals.
A new town is a line of towns.csv.
"""
