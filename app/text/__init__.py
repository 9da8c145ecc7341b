"""What a phone can show: units, pages, and how values are written. Pure; no I/O but loading words.

encoding counts GSM-7 septets and UCS-2 units, pages cuts a screen so that it fits, formats writes
money, dates and codes, words finds a sentence in a language and fills it,
languages says which there are.
To add a language: its entry in languages.yaml, and its sentences in menus/locales.
"""
