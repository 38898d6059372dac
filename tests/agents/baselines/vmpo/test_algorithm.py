"""V-MPO: ALD's learner, acting for itself."""

import pytest
import torch

from agents.baselines import VMPO
from agents.baselines.vmpo.policies import LSTMPolicy, MemoryPolicy
from agents.learning.config import VMPOConfig
from tests.support.tiny import VMPO_LANES, VMPO_POLICIES, VMPO_SETTINGS, VMPO_UNROLL, maze_lanes, vmpo_model
from tests.support.trees import same

pytestmark = pytest.mark.usefixtures("one_thread")


def weights(model: VMPO) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.policy.state_dict().items()}


@pytest.mark.parametrize("policy", VMPO_POLICIES)
def test_what_learns_is_what_acts(policy):
    model = vmpo_model(policy)
    before = weights(model)
    model.learn(2 * VMPO_UNROLL)
    assert not same(before, weights(model))
    assert model.actor.network is model.learner.network.acting
    assert model.distiller is None
    own = {id(parameter) for parameter in model.policy.parameters()}
    assert {id(parameter) for parameter in model.learner.network.parameters()} == own


@pytest.mark.parametrize("policy", VMPO_POLICIES)
def test_the_same_seed_learns_the_same(policy):
    models = [vmpo_model(policy, seed).learn(3 * VMPO_UNROLL) for seed in (1, 1, 2)]
    assert same(weights(models[0]), weights(models[1]))
    assert not same(weights(models[0]), weights(models[2]))


@pytest.mark.parametrize("rl_loss", ["vmpo", "vtrace", "primal_dual"])
@pytest.mark.parametrize("policy", VMPO_POLICIES)
def test_saving_loading_and_going_on_equals_going_on(policy, rl_loss, tmp_path):
    whole = vmpo_model(policy, rl_loss=rl_loss).learn(5 * VMPO_UNROLL)
    half = vmpo_model(policy, rl_loss=rl_loss).learn(2 * VMPO_UNROLL)
    half.save(tmp_path / "half")
    loaded = VMPO.load(tmp_path / "half", env=maze_lanes(VMPO_LANES), device="cpu", force_reset=False)
    assert type(loaded.policy) is type(half.policy)
    loaded.learn(3 * VMPO_UNROLL, reset_num_timesteps=False)
    assert same(weights(whole), weights(loaded))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="policy must be one of LstmPolicy, GTrXLPolicy, AsymmetricPolicy"):
        vmpo_model("MlpPolicy")
    with pytest.raises(ValueError, match="rl_loss must be one of vmpo, vtrace, primal_dual, got 'ppo'"):
        VMPOConfig(rl_loss="ppo")
    with pytest.raises(
        ValueError, match="policy_kwargs must not hold 'lstm_hidden_size', which is a setting"
    ):
        vmpo_model("LstmPolicy", policy_kwargs={"lstm_hidden_size": 8})
    with pytest.raises(TypeError, match="VMPO has no setting 'gama', did you mean 'gamma'"):
        vmpo_model(gama=0.9)
    with pytest.raises(
        TypeError, match="no setting 'learning_rate', did you mean 'learner_learning_rate'\\? \\(there are"
    ):
        vmpo_model(learning_rate=1e-3)
    with pytest.raises(ValueError, match="lstm_hidden_size must be at least 1, got 0"):
        VMPOConfig(lstm_hidden_size=0)


def test_a_policy_of_ones_own_is_taken_and_asked_for_on_loading(tmp_path):
    class Own(LSTMPolicy):
        """A subclass."""

    model = VMPO(Own, maze_lanes(VMPO_LANES), seed=0, device="cpu", **VMPO_SETTINGS)
    assert isinstance(model.policy, MemoryPolicy)
    model.save(tmp_path / "own")
    with pytest.raises(ValueError, match="pass policy=Own to load"):
        VMPO.load(tmp_path / "own")
    assert isinstance(VMPO.load(tmp_path / "own", policy=Own).policy, Own)
