"""Curves and tables: each drawn by one piece of code, for a run, a benchmark and a report alike."""
