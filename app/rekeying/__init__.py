"""Replacing the installation's secret: what is stored under which key, and storing it again.

holdings counts, by the id of the key, everything that a key protects; columns reads the ids;
service stores again what an older key holds, in batches, and says which keys may be taken away. A
new thing that a key protects: a Purpose in app/base/keys.py and a line in holdings.
"""
