"""Train a baseline: `python -m agents.baselines.train --preset imaze/vmpo-gtrxl`."""

from agents.runs.session import run_program

if __name__ == "__main__":
    run_program("agents.baselines.train")
