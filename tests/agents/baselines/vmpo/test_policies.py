"""The policies of V-MPO act, value and are saved as SB3 asks of a policy with memory."""

import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy

from agents.baselines.vmpo.policies import AsymmetricPolicy, GTrXLPolicy, LSTMPolicy
from agents.learning.networks.actor_critic import AsymmetricActorCritic
from tests.support.tiny import VMPO_LANES, VMPO_POLICIES, VMPO_UNROLL, maze_lanes, vmpo_model
from tests.support.trees import same

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("policy", VMPO_POLICIES)
def test_predict_acts_as_the_actor_does_through_episodes(policy):
    """Memory handed over as state, step by step with resets, is the memory of one window."""
    model = vmpo_model(policy).learn(2 * VMPO_UNROLL)
    env, starts, state = maze_lanes(VMPO_LANES), np.ones(VMPO_LANES, dtype=bool), None
    observations, actions, firsts = [], [], []
    observation = env.reset()
    for _ in range(20):
        firsts.append(starts)
        observations.append(observation)
        action, state = model.predict(observation, state, starts, deterministic=True)
        actions.append(action)
        observation, _, starts, _ = env.step(action)
    network = model.policy.network.acting
    with torch.no_grad():
        outputs, _ = network(
            torch.tensor(np.stack(observations)),
            network.initial_state(VMPO_LANES),
            torch.tensor(np.stack(firsts)),
        )
    assert (outputs.policy.argmax(-1).numpy() == np.stack(actions)).all()
    assert np.stack(firsts).sum() >= VMPO_LANES


@pytest.mark.parametrize("policy", VMPO_POLICIES)
def test_sb3s_evaluation_works_on_every_policy(policy):
    model = vmpo_model(policy)
    env = maze_lanes(2)
    returns, lengths = evaluate_policy(model, env, 3, return_episode_rewards=True, warn=False)
    assert len(returns) == 3 and all(length >= 1 for length in lengths)
    action, state = model.predict(maze_lanes(1).reset()[0])
    assert np.ndim(action) == 0 and isinstance(state, tuple)


@pytest.mark.parametrize("policy_class", [LSTMPolicy, GTrXLPolicy, AsymmetricPolicy])
def test_policies_alone_go_through_their_files(policy_class, tmp_path):
    env = maze_lanes(1)
    sizes = {} if policy_class is GTrXLPolicy else {"lstm_hidden_size": 5}
    sizes |= {} if policy_class is LSTMPolicy else {"width": 8, "memory": 3, "layers": 1}
    policy = policy_class(env.observation_space, env.action_space, **sizes)
    policy.save(tmp_path / "policy.pt")
    loaded = policy_class.load(tmp_path / "policy.pt")
    assert same(policy.state_dict(), loaded.state_dict())


def asymmetric() -> AsymmetricActorCritic:
    network = vmpo_model("AsymmetricPolicy").policy.network
    assert isinstance(network, AsymmetricActorCritic)
    return network


def test_actor_and_critic_of_the_asymmetric_network_share_nothing():
    network = asymmetric()
    env = maze_lanes(VMPO_LANES)
    observation = torch.tensor(env.reset()).unsqueeze(0)
    state, is_first = network.initial_state(VMPO_LANES), torch.ones(1, VMPO_LANES, dtype=torch.bool)
    outputs, following = network(observation, state, is_first)
    assert len(following) == len(state) == 4
    for output, owner, other in (
        (outputs.policy, network.actor, network.critic),
        (outputs.value, network.critic, network.actor),
    ):
        network.zero_grad()
        output.square().sum().backward(retain_graph=True)
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in owner.parameters())
        assert all(p.grad is None or p.grad.abs().sum() == 0 for p in other.parameters())


def test_steps_of_the_asymmetric_network_equal_a_window():
    network, generator = asymmetric(), np.random.default_rng(0)
    size = network.actor.encoder.observation_space.shape[0]
    observations = torch.tensor(generator.integers(0, 2, (9, VMPO_LANES, size)), dtype=torch.uint8)
    is_first = torch.tensor(generator.random((9, VMPO_LANES)) < 0.3)
    is_first[0] = True
    with torch.no_grad():
        window, _ = network(observations, network.initial_state(VMPO_LANES), is_first)
    state = network.initial_state(VMPO_LANES)
    for t in range(9):
        step, state = network.step(observations[t], state, is_first[t])
        torch.testing.assert_close(step.policy, window.policy[t])
        torch.testing.assert_close(step.value, window.value[t])
