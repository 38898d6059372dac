"""The certificate of tiny random tasks holds the numbers that trying everything finds."""

import pytest

import memory_envs
from memory_envs.certificate import Effort
from tests.support.brute_force import RandomPOMDP, best_over_histories, best_reactive_return

QUICK = Effort(restarts=0, iterations=2)


@pytest.mark.parametrize("part", range(10))
def test_exact_numbers_are_those_of_brute_force(part):
    for seed in range(part * 20, part * 20 + 20):
        env = RandomPOMDP(seed)
        certificate = memory_envs.certify(env, effort=QUICK)
        remembered = certificate.perfect_memory.episode_return
        assert remembered.how == "exact", seed
        assert remembered.lower == pytest.approx(best_over_histories(env), abs=1e-9), seed
        assert certificate.deterministic.episode_return.how == "exact", seed
        fixed = certificate.deterministic.episode_return.lower
        assert fixed == pytest.approx(best_reactive_return(env), abs=1e-9), seed
