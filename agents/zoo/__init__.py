"""The agents in RL Baselines3 Zoo: `python -m agents.zoo train --algo ald --env MemoryEnvs/IMaze-v0`."""
