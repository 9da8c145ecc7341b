"""A change to a new version under load: the version before and this one side by side.

`version_before` names the commit from which this version may be rolled to. Whoever marks a new
version by a tag writes its commit there: the history has the commit where a clone has no tags.
"""
