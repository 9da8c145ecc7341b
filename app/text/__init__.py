"""What a phone can show: units, pages, and how values are written. Pure; no I/O but loading words.

encoding counts GSM-7 septets and UCS-2 units, pages cuts a screen so that it fits, formats writes
money, dates and codes, words finds a sentence in a language and fills it.
To add a language: a folder in menus/locales, and a line in formats if it writes money its own way.
"""
