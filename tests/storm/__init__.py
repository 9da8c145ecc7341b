"""The worst minute in proportion, on engines in their clustered form, while their parts are killed.

A short run is a test; `make storm` runs longer and harder (STORM_SECONDS, STORM_HOPS, STORM_EVERY).
"""
