"""Comparing systems on the same rows: differences, intervals, tests and verdicts.

Nothing is imported here: statsmodels takes seconds, and only `systems` and `paired` need it.
"""
