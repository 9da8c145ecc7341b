"""Artisans: the national register's rows, their phones, what CNSS last said of their rights.

models has the tables, rules the masking of names and the digest of a CIN (pure), queries reads
artisans, service changes what a phone told us, pins the artisan's own PIN, cover and cnss CNSS's
word, registry imports the ministry's file, sample_rows makes one up. A new column of the file: a
field in registry_rows, a column in models and a migration, a name in registry_staging.STORED.
"""
