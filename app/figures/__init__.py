"""Figures of a month: made by the worker from the books, protected, and published once.

measures names what is counted, in which cuts, and what is part of what. making counts, in one state
of the database; rules protects small counts, rounding the rest. service stores and publishes,
queries read what was published, and nothing else leaves the house. drawing makes the pictures.
A new measure: an entry in measures, its SQL in making, its words in office_figures.po.
"""
