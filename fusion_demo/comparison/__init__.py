"""Comparing systems on the same rows: differences, intervals, tests and verdicts."""
