"""The baselines: ALD's learner acting for itself, SB3's algorithms, chance; one interface, one program."""

import json
import os
import signal

import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy

from agents import train as training
from agents.baselines import VMPO
from agents.enjoy.__main__ import main as enjoy
from agents.learning.config import VMPOConfig
from agents.learning.losses.vtrace import policy_gradient_loss
from agents.learning.networks.actor_critic import AsymmetricActorCritic
from agents.runs import finishing
from agents.runs.log import read_rows
from agents.runs.progress import TrainingProgress
from agents.sb3.memory_policies import AsymmetricPolicy, GTrXLPolicy, LSTMPolicy, MemoryPolicy
from tests.support.tiny import maze_lanes
from tests.support.trees import same

pytestmark = pytest.mark.usefixtures("one_thread")

POLICIES = ("LstmPolicy", "GTrXLPolicy", "AsymmetricPolicy")
SETTINGS = {
    "unroll_length": 8,
    "learner_layers": 2,
    "learner_width": 16,
    "learner_heads": 2,
    "learner_mlp_width": 16,
    "learner_memory": 6,
    "lstm_hidden_size": 8,
    "replay_size": 4,
    "replay_lanes": 2,
}
LANES = 3
UNROLL = LANES * SETTINGS["unroll_length"]


def small(policy: str = "GTrXLPolicy", seed: int = 0, **settings) -> VMPO:
    return VMPO(policy, maze_lanes(LANES), seed=seed, device="cpu", **(SETTINGS | settings))


def weights(model: VMPO) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.policy.state_dict().items()}


@pytest.mark.parametrize("policy", POLICIES)
def test_what_learns_is_what_acts(policy):
    model = small(policy)
    before = weights(model)
    model.learn(2 * UNROLL)
    assert not same(before, weights(model))
    assert model.actor.network is model.learner.network.acting
    assert model.distiller is None
    own = {id(parameter) for parameter in model.policy.parameters()}
    assert {id(parameter) for parameter in model.learner.network.parameters()} == own


@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_seed_learns_the_same(policy):
    models = [small(policy, seed).learn(3 * UNROLL) for seed in (1, 1, 2)]
    assert same(weights(models[0]), weights(models[1]))
    assert not same(weights(models[0]), weights(models[2]))


@pytest.mark.parametrize("rl_loss", ["vmpo", "vtrace"])
@pytest.mark.parametrize("policy", POLICIES)
def test_saving_loading_and_going_on_equals_going_on(policy, rl_loss, tmp_path):
    whole = small(policy, rl_loss=rl_loss).learn(5 * UNROLL)
    half = small(policy, rl_loss=rl_loss).learn(2 * UNROLL)
    half.save(tmp_path / "half")
    loaded = VMPO.load(tmp_path / "half", env=maze_lanes(LANES), device="cpu", force_reset=False)
    assert type(loaded.policy) is type(half.policy)
    loaded.learn(3 * UNROLL, reset_num_timesteps=False)
    assert same(weights(whole), weights(loaded))


@pytest.mark.parametrize("policy", POLICIES)
def test_predict_acts_as_the_actor_does_through_episodes(policy):
    """Memory handed over as state, step by step with resets, is the memory of one window."""
    model = small(policy).learn(2 * UNROLL)
    env, starts, state = maze_lanes(LANES), np.ones(LANES, dtype=bool), None
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
            network.initial_state(LANES),
            torch.tensor(np.stack(firsts)),
        )
    assert (outputs.logits.argmax(-1).numpy() == np.stack(actions)).all()
    assert np.stack(firsts).sum() >= LANES


@pytest.mark.parametrize("policy", POLICIES)
def test_sb3s_evaluation_works_on_every_policy(policy):
    model = small(policy)
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
    network = small("AsymmetricPolicy").policy.network
    assert isinstance(network, AsymmetricActorCritic)
    return network


def test_actor_and_critic_of_the_asymmetric_network_share_nothing():
    network = asymmetric()
    env = maze_lanes(LANES)
    observation = torch.tensor(env.reset()).unsqueeze(0)
    state, is_first = network.initial_state(LANES), torch.ones(1, LANES, dtype=torch.bool)
    outputs, following = network(observation, state, is_first)
    assert len(following) == len(state) == 4
    for output, owner, other in (
        (outputs.logits, network.actor, network.critic),
        (outputs.value, network.critic, network.actor),
    ):
        network.zero_grad()
        output.square().sum().backward(retain_graph=True)
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in owner.parameters())
        assert all(p.grad is None or p.grad.abs().sum() == 0 for p in other.parameters())


def test_steps_of_the_asymmetric_network_equal_a_window():
    network, generator = asymmetric(), np.random.default_rng(0)
    size = network.actor.encoder.observation_space.shape[0]
    observations = torch.tensor(generator.integers(0, 2, (9, LANES, size)), dtype=torch.uint8)
    is_first = torch.tensor(generator.random((9, LANES)) < 0.3)
    is_first[0] = True
    with torch.no_grad():
        window, _ = network(observations, network.initial_state(LANES), is_first)
    state = network.initial_state(LANES)
    for t in range(9):
        step, state = network.step(observations[t], state, is_first[t])
        torch.testing.assert_close(step.logits, window.logits[t])
        torch.testing.assert_close(step.value, window.value[t])


def test_the_policy_gradient_is_impalas():
    """The gradient of a softmax by hand: rho A (1{a} - pi)."""
    logits = torch.tensor([[0.3, -0.2, 0.1]], requires_grad=True)
    log_prob = torch.log_softmax(logits, -1)[:, 1]
    loss = policy_gradient_loss(log_prob, torch.tensor([2.0]), torch.tensor([0.7]))
    loss.sum().backward()
    pi = torch.softmax(logits.detach(), -1)
    expected = -0.7 * 2.0 * (torch.tensor([[0.0, 1.0, 0.0]]) - pi)
    torch.testing.assert_close(logits.grad, expected)
    with pytest.raises(ValueError, match="must share one shape"):
        policy_gradient_loss(torch.zeros(2), torch.zeros(3), torch.zeros(2))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="policy must be one of LstmPolicy, GTrXLPolicy, AsymmetricPolicy"):
        small("MlpPolicy")
    with pytest.raises(ValueError, match="rl_loss must be one of vmpo, vtrace, got 'ppo'"):
        VMPOConfig(rl_loss="ppo")
    with pytest.raises(ValueError, match="policy_kwargs must not hold lstm_hidden_size: VMPOConfig has"):
        small("LstmPolicy", policy_kwargs={"lstm_hidden_size": 8})
    with pytest.raises(TypeError, match="VMPO has no setting 'gama', did you mean 'gamma'"):
        small(gama=0.9)
    with pytest.raises(
        TypeError, match="no setting 'learning_rate', did you mean 'learner_learning_rate'\\? \\(there are"
    ):
        small(learning_rate=1e-3)
    with pytest.raises(ValueError, match="lstm_hidden_size must be at least 1, got 0"):
        VMPOConfig(lstm_hidden_size=0)


def test_a_policy_of_ones_own_is_taken_and_asked_for_on_loading(tmp_path):
    class Own(LSTMPolicy):
        """A subclass."""

    model = VMPO(Own, maze_lanes(LANES), seed=0, device="cpu", **SETTINGS)
    assert isinstance(model.policy, MemoryPolicy)
    model.save(tmp_path / "own")
    with pytest.raises(ValueError, match="pass policy=Own to load"):
        VMPO.load(tmp_path / "own")
    assert isinstance(VMPO.load(tmp_path / "own", policy=Own).policy, Own)


@pytest.mark.parametrize("preset", ["imaze/vmpo-gtrxl", "imaze/vmpo-lstm", "imaze/asymmetric"])
def test_presets_train_resume_and_can_be_watched(preset, tmp_path, monkeypatch, capsys):
    for slow in ("save_curve", "_record"):
        monkeypatch.setattr(finishing, slow, lambda *arguments: None)
    folder = tmp_path / "run"
    short = ["--total-timesteps", "64", "--num-envs", "4", "--unroll-length", "8", "--num-threads", "1"]
    tiny = ["--learner-width", "16", "--learner-memory", "4", "--evaluation-episodes", "2"]
    limit = ["--env-kwargs", json.dumps({"max_episode_steps": 20})]
    command = ["--preset", preset, "--run-dir", str(folder), *short, *tiny, *limit]
    assert training.main(command) == 0
    assert training.main(["--resume", str(folder), "--total-timesteps", "128"]) == 0
    config = json.loads((folder / "config.json").read_text())
    assert (config["agent"], config["run"]["preset"]) == ("vmpo", preset)
    assert (folder / "model.zip").exists() and len(read_rows(folder / "progress.csv")) > 0
    assert enjoy([str(folder), "--episodes", "2", "--headless"]) == 0
    assert "over 2 episodes" in capsys.readouterr().out


@pytest.mark.parametrize("agent", ["recurrent-ppo", "ppo", "random"])
def test_presets_of_sb3s_algorithms_are_interrupted_resumed_and_watched(agent, tmp_path, monkeypatch, capsys):
    """A run that is stopped between two rows of its log ends with the same rows as one that is not."""
    pictures = [(finishing, "save_curve"), (finishing, "_record")]
    for module, slow in pictures if agent == "recurrent-ppo" else [(training, "finish")]:
        monkeypatch.setattr(module, slow, lambda *arguments: None)
    rollout = 4 * 8
    short = ["--num-envs", "4", "--n-steps", "8", "--log-every", "2", "--num-threads", "1", "--device", "cpu"]
    tiny = ["--lstm-hidden-size", "8"] if agent == "recurrent-ppo" else []
    limit = ["--env-kwargs", json.dumps({"max_episode_steps": 20}), "--evaluation-episodes", "2"]
    command = ["--preset", f"imaze/{agent}", *short, *tiny, *limit, "--total-timesteps", str(6 * rollout)]
    collected = TrainingProgress._on_rollout_end

    def press(self):
        if self.model.num_timesteps == 3 * rollout:
            os.kill(os.getpid(), signal.SIGINT)
        collected(self)

    assert training.main([*command, "--run-dir", str(tmp_path / "whole")]) == 0
    with monkeypatch.context() as patched:
        patched.setattr(TrainingProgress, "_on_rollout_end", press)
        assert training.main([*command, "--run-dir", str(tmp_path / "run")]) == 130
    assert training.main(["--resume", str(tmp_path / "run")]) == 0
    rows = [timeless(tmp_path / name / "progress.csv") for name in ("whole", "run")]
    assert len(rows[0]) == 3 and rows[0] == rows[1]
    assert "rollout/ep_rew_mean" in rows[0][0]
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["agent"], config["config"]["n_steps"]) == (agent, 8)
    assert enjoy([str(tmp_path / "run"), "--episodes", "2", "--headless"]) == 0
    assert "over 2 episodes" in capsys.readouterr().out


def timeless(path):
    kept = ("time/total_timesteps", "time/iterations")
    return [
        {name: value for name, value in row.items() if name in kept or not name.startswith("time/")}
        for row in read_rows(path)
    ]
