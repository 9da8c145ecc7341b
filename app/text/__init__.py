"""Text on a phone: units, pages, sentences, formats. Pure; reads only its own files.

`encoding` counts GSM-7 septets and UCS-2 units. `pages` cuts a screen so that it fits. `formats`
writes money, dates and codes. `words` finds a sentence in a language and fills it. `languages`
lists the languages a person may choose.
To add a language: add its entry to languages.yaml, and its sentences to menus/locales.
"""
