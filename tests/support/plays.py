"""Episodes played by policies, and what is expected of their means."""

import numpy as np

from memory_envs.registry.envs import ENVS

IMAZE, FETCH = "MemoryEnvs/IMaze-v0", "MemoryEnvs/MetaFetch-v0"


FETCHES = [row.id for row in ENVS if "MetaFetch" in row.id]


def played(env, policy, **reset):
    """Play one episode; returns its return, success, steps and actions."""
    observation, _ = env.reset(**reset)
    policy.reset()
    total, actions, ended = 0.0, [], False
    while not ended:
        actions.append(policy(observation))
        observation, reward, terminated, truncated, info = env.step(actions[-1])
        total, ended = total + reward, terminated or truncated
    return total, info["is_success"], len(actions), actions


def all_starts(env, policy):
    """Mean return, success and steps over all of I-Maze's starts: exact for policies that draw nothing."""
    found, episode = {}, 0
    while len(found) < 4 * env.unwrapped.config.num_cues:
        env.reset(options={"stream": 5, "episode": episode})
        state = env.unwrapped.get_state()
        start = (state["cue"], state["heading"])
        if start not in found:
            found[start] = played(env, policy, options={"stream": 5, "episode": episode})[:3]
        episode += 1
    return np.mean(list(found.values()), axis=0)


def assert_within(returns, lower, upper):
    """Assert that a sample's mean is within four standard errors of an interval."""
    mean, error = np.mean(returns), np.std(returns, ddof=1) / len(returns) ** 0.5
    assert lower - 4 * error <= mean <= upper + 4 * error, (mean, error)
