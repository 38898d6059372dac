"""Train an agent by Actor-Learner Distillation: `python -m agents.ald.train --preset imaze/ald`."""

from agents.runs.session import run_program

if __name__ == "__main__":
    run_program("agents.ald.train")
