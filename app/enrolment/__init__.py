"""Artisans: the national register's rows, their phones, what CNSS last said of their rights.

models are the tables, rules what a row may hold and what may be shown of it (pure), queries who
calls, service what a caller may change, registry the import of the ministry's file, samples the
made-up one. A new column of the file: a field in registry, a column in models, a migration.
"""
