"""Proves a menu before anybody dials it: structure, words, and that every screen fits."""
