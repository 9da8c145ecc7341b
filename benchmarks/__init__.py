"""Measures the costs: each budget on the real engines beside a floor, in the same run.

`python -m benchmarks` (or `make bench`) runs all, `--quick` a smaller measure of each, and names
(`hops deposits`) only those. To add one: a function in its file and a line in __main__.
"""
