"""One self-contained HTML page of a run, or of a folder of runs, in which episodes play."""
