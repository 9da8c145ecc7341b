"""Proves a menu before it is dialled: its structure, its words, and the size of each screen."""
