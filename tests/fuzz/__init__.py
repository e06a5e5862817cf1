"""Targets that are given made-up input: a bounded number in each test run, for as long as one likes by `python -m tests.fuzz`."""
