"""Models go through files, streams and dictionaries as those of Stable-Baselines3 do; for every agent."""

from __future__ import annotations

import copy
import io
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.save_util import recursive_getattr

from agents.sb3 import checkpoint
from agents.sb3.checkpoint import CheckpointError
from tests.support.kinds import KINDS
from tests.support.tiny import cue_lanes, differences

pytestmark = pytest.mark.usefixtures("one_thread")

every_kind = pytest.mark.parametrize("name", KINDS)
learning_kinds = pytest.mark.parametrize("name", [name for name in KINDS if name != "random"])


def trained(name: str, **arguments: Any) -> Any:
    return KINDS[name].model(cue_lanes(2), **arguments).learn(24)


def moments(name: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of an optimizer among the parameters of a model."""
    [optimizer] = [each for each in parameters if each.endswith("optimizer") and "dual" not in each][-1:]
    found: Mapping[str, Any] = parameters[optimizer]["state"]
    return found


# --- Parameters -----------------------------------------------------------------------------------


@every_kind
def test_parameters_come_from_a_path_a_stream_or_a_dictionary(name: str, tmp_path: Path) -> None:
    source = trained(name)
    source.save(tmp_path / "model")
    source.save(stream := io.BytesIO())
    for given in (tmp_path / "model", str(tmp_path / "model.zip"), stream, source.get_parameters()):
        target = KINDS[name].model(cue_lanes(2), seed=1)
        target.set_parameters(given)
        assert differences(dict(source.get_parameters()), dict(target.get_parameters())) == []
        target.learn(12)


@learning_kinds
def test_parameters_that_do_not_fit_change_nothing(name: str, tmp_path: Path) -> None:
    model = trained(name)
    before = copy.deepcopy(model.get_parameters())
    first, *_ = before
    lacking = {first: dict(list(before[first].items())[:-1])}
    wrong = copy.deepcopy(before)
    key = next(key for key, each in wrong[first].items() if each.ndim)
    wrong[first][key] = wrong[first][key][:1].repeat(7, *[1] * (wrong[first][key].ndim - 1))
    altered = {each: {k: v + 1 for k, v in part.items()} for each, part in before.items() if each == first}
    nothing_whole = {each: dict(list(part.items())[:-1]) for each, part in before.items()}
    for given, error in (
        ({**before, **lacking}, RuntimeError),
        (nothing_whole, RuntimeError),  # an optimizer without its groups among it
        (wrong, RuntimeError),
        (altered, ValueError),  # the other names are missing
        ({**before, **altered, "nobody": {}}, ValueError),
    ):
        with pytest.raises(error):
            model.set_parameters(given)
        assert differences(dict(before), dict(model.get_parameters())) == []


@learning_kinds
def test_moments_of_another_length_are_refused_before_anything_is_set(name: str) -> None:
    """Torch takes them, and its fused optimizers read and write past their ends."""
    model = trained(name)
    before = copy.deepcopy(model.get_parameters())
    given = {key: copy.deepcopy(part) for key, part in before.items()}
    state = moments(name, given)
    index = max(state, key=lambda each: state[each]["exp_avg"].numel())
    state[index]["exp_avg"] = state[index]["exp_avg"].reshape(-1)[:1]
    for part in given.values():
        for key, each in part.items():
            if isinstance(each, torch.Tensor) and each.is_floating_point():
                part[key] = each + 1
    with pytest.raises(ValueError, match=r"optimizer.*exp_avg must be"):
        model.set_parameters(given)
    assert differences(dict(before), dict(model.get_parameters())) == []


def test_parameters_of_another_agent_are_refused_by_name(tmp_path: Path) -> None:
    trained("ppo").save(tmp_path / "model")
    with pytest.raises(CheckpointError, match="not contain a model of ALD, but of 'PPOAgent'"):
        KINDS["ald"].model(cue_lanes(2)).set_parameters(tmp_path / "model")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        KINDS["ald"].model(cue_lanes(2)).set_parameters(tmp_path / "nowhere")
    with pytest.raises(TypeError, match="from a path, a binary file or a dictionary, got int"):
        KINDS["ald"].model(cue_lanes(2)).set_parameters(7)


def test_a_part_of_the_parameters_can_be_set_as_in_sb3(tmp_path: Path) -> None:
    source, target = trained("ald"), KINDS["ald"].model(cue_lanes(2), seed=1)
    own = copy.deepcopy(target.get_parameters())
    target.set_parameters({"policy": source.get_parameters()["policy"]}, exact_match=False)
    assert differences(target.policy.state_dict(), source.policy.state_dict()) == []
    network = target.get_parameters()["learner.network"]
    assert differences(dict(network), dict(own["learner.network"])) == []


# --- Files and streams ----------------------------------------------------------------------------


@every_kind
def test_a_model_goes_through_a_stream(name: str, tmp_path: Path) -> None:
    model = trained(name)
    model.save(stream := io.BytesIO())
    with (tmp_path / "opened").open("wb") as file:
        model.save(file)
    model.save(tmp_path / "named")
    assert (tmp_path / "opened").read_bytes() == (tmp_path / "named.zip").read_bytes() == stream.getvalue()
    algorithm = KINDS[name].algorithm
    with (tmp_path / "opened").open("rb") as file:
        for source in (stream, file):
            loaded = algorithm.load(source, cue_lanes(2), device="cpu")
            assert differences(dict(model.get_parameters()), dict(loaded.get_parameters())) == []
            loaded.learn(12, reset_num_timesteps=False)


def test_streams_that_cannot_hold_a_model_are_refused_in_words(tmp_path: Path) -> None:
    model = KINDS["ald"].model(cue_lanes(2))
    with pytest.raises(TypeError, match="path or a binary file, got a file of text"):
        model.save(io.StringIO())
    with pytest.raises(TypeError, match="path or a binary file, got int"):
        model.save(3)
    (tmp_path / "there").write_bytes(b"kept")
    with (tmp_path / "there").open("rb") as file, pytest.raises(ValueError, match="not open for writing"):
        model.save(file)
    assert (tmp_path / "there").read_bytes() == b"kept"
    with pytest.raises(CheckpointError, match="BytesIO cannot be loaded"):
        KINDS["ald"].algorithm.load(io.BytesIO(b"not a model"))
    with (tmp_path / "new").open("wb") as file, pytest.raises(ValueError, match="not open for reading"):
        KINDS["ald"].algorithm.load(file)


def test_a_missing_folder_is_made_as_in_sb3(tmp_path: Path) -> None:
    """Rather that than lose what was trained for hours."""
    with pytest.warns(UserWarning, match="there was no folder"):
        KINDS["ald"].model(cue_lanes(2)).save(tmp_path / "models" / "first")
    assert (tmp_path / "models" / "first.zip").exists()


# --- What is left out and kept --------------------------------------------------------------------


@every_kind
def test_verbosity_and_the_folder_of_tensorboard_are_kept_unless_left_out(name: str, tmp_path: Path) -> None:
    algorithm, folder = KINDS[name].algorithm, str(tmp_path / "events")
    model = KINDS[name].model(cue_lanes(2), verbose=2, tensorboard_log=folder)
    model.save(tmp_path / "model")
    loaded = algorithm.load(tmp_path / "model")
    assert (loaded.verbose, loaded.tensorboard_log) == (2, folder)
    given = algorithm.load(tmp_path / "model", verbose=0, tensorboard_log=None)
    assert (given.verbose, given.tensorboard_log) == (0, None)
    model.save(tmp_path / "bare", exclude=["verbose", "tensorboard_log", "seed"])
    bare = algorithm.load(tmp_path / "bare")
    assert (bare.verbose, bare.tensorboard_log, bare.seed) == (0, None, None)
    model.save(tmp_path / "kept", exclude=["verbose", "seed"], include=["verbose"])
    kept = algorithm.load(tmp_path / "kept")
    assert (kept.verbose, kept.seed) == (2, None)


@every_kind
def test_any_attribute_may_be_named_as_in_sb3_but_nothing_that_is_none(name: str, tmp_path: Path) -> None:
    model, algorithm = trained(name), KINDS[name].algorithm
    names = ["env", "_logger", "rollout_buffer", "replay_buffer", "learning_rate", "num_timesteps", "policy"]
    model.save(tmp_path / "model", exclude=[*names, "ep_info_buffer", "ep_success_buffer"])
    loaded = algorithm.load(tmp_path / "model", cue_lanes(2))
    assert loaded.num_timesteps == 0 and not loaded.ep_info_buffer and not loaded.ep_success_buffer
    loaded.learn(12)
    for argument in ("exclude", "include"):
        with pytest.raises(ValueError, match=rf"{argument} .*'verbos', did you mean 'verbose'\?"):
            model.save(tmp_path / "other", **{argument: ["verbos"]})
    with pytest.raises(TypeError, match="exclude must be names, got the string 'verbose'"):
        model.save(tmp_path / "other", exclude="verbose")
    assert not (tmp_path / "other.zip").exists()


def test_what_a_model_is_made_of_cannot_be_left_out(tmp_path: Path) -> None:
    model = KINDS["ald"].model(cue_lanes(2))
    for name in ("config", "observation_space", "learner", "actor"):
        with pytest.raises(ValueError, match=f"exclude.*{name!r}"):
            model.save(tmp_path / "model", exclude=[name])


def test_policy_kwargs_that_were_left_out_are_asked_for(tmp_path: Path) -> None:
    model = KINDS["ald"].model(cue_lanes(2), policy_kwargs={"net_arch": [5]})
    model.save(tmp_path / "model", exclude=["policy_kwargs"])
    with pytest.raises(ValueError, match="net_arch"):
        model.load(tmp_path / "model")
    loaded = model.load(tmp_path / "model", policy_kwargs={"net_arch": [5]})
    assert differences(loaded.policy.state_dict(), model.policy.state_dict()) == []


def test_files_from_strangers_choose_no_place_to_write_to(tmp_path: Path) -> None:
    """Kept is a folder of TensorBoard where its own model could have been at work; else it is asked for."""
    model = KINDS["ald"].model(cue_lanes(2))
    for place in (
        os.path.expanduser("~/.config"),
        "/etc",
        "s3://bucket/events",
        "../" * 30 + "elsewhere/on/disk",
    ):
        model.tensorboard_log = place
        model.save(tmp_path / "model")
        with pytest.warns(UserWarning, match=r"pass tensorboard_log="):
            assert model.load(tmp_path / "model").tensorboard_log is None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert model.load(tmp_path / "model", tensorboard_log=place).tensorboard_log == place
    for place in (str(tmp_path / "here"), "events"):
        model.tensorboard_log = place
        model.save(tmp_path / "model")
        assert model.load(tmp_path / "model").tensorboard_log == place


@every_kind
def test_files_from_before_these_were_kept_are_read(name: str, tmp_path: Path) -> None:
    KINDS[name].model(cue_lanes(2)).save(tmp_path / "model")
    tree = checkpoint.load(tmp_path / "model.zip")
    del tree["arguments"]["verbose"], tree["arguments"]["tensorboard_log"]
    checkpoint.save(tmp_path / "model.zip", tree)
    loaded = KINDS[name].algorithm.load(tmp_path / "model")
    assert (loaded.verbose, loaded.tensorboard_log) == (0, None)


@every_kind
def test_a_compiled_policy_is_saved_as_what_it_compiles(name: str, tmp_path: Path) -> None:
    model = KINDS[name].model(cue_lanes(2))
    own = model.policy
    model.policy = torch.compile(own)
    model.save(tmp_path / "model")
    loaded = KINDS[name].algorithm.load(tmp_path / "model")
    assert differences(dict(loaded.policy.state_dict()), dict(own.state_dict())) == []


# --- Custom objects, and names of SB3 ---------------------------------------------------------------


@every_kind
def test_custom_objects_that_nobody_needs_are_ignored_as_in_sb3(name: str, tmp_path: Path) -> None:
    model, algorithm = trained(name), KINDS[name].algorithm
    model.save(tmp_path / "model")
    # What rl_zoo3's enjoy passes, and more that is passed to models of SB3.
    custom = {"learning_rate": 0.0, "lr_schedule": lambda _: 0.0, "clip_range": lambda _: 0.0, "dummy": 1.0}
    loaded = algorithm.load(tmp_path / "model", custom_objects={**custom, "n_envs": 1, "seed": 5})
    assert differences(dict(model.get_parameters()), dict(loaded.get_parameters())) == []
    assert not hasattr(loaded, "dummy") and loaded.seed == 5
    with pytest.raises(TypeError, match="no setting 'dummy'"):
        algorithm.load(tmp_path / "model", dummy=1.0)


@learning_kinds
def test_a_custom_step_size_is_that_of_the_policy(name: str, tmp_path: Path) -> None:
    trained(name).save(tmp_path / "model")
    loaded = KINDS[name].algorithm.load(tmp_path / "model", custom_objects={"learning_rate": 2e-5})
    assert loaded.learning_rate == 2e-5
    if hasattr(loaded, "learner"):  # SB3's own algorithms set it when they train
        optimizer = getattr(loaded.policy, "optimizer", None) or loaded.learner.optimizer
        assert optimizer.param_groups[0]["lr"] == 2e-5


def test_custom_objects_take_the_place_of_policies_and_spaces(tmp_path: Path) -> None:
    model = KINDS["ald"].model(cue_lanes(2))
    model.save(tmp_path / "model")
    policy = type("OwnPolicy", (type(model.policy),), {})
    wider = spaces.Box(-5, 5, (3,), np.float32)
    custom = {"policy_class": policy, "observation_space": wider}
    loaded = model.load(tmp_path / "model", custom_objects=custom)
    assert type(loaded.policy) is policy and loaded.observation_space == wider


@every_kind
def test_what_sb3_calls_its_numbers_can_be_read(name: str) -> None:
    model = KINDS[name].model(cue_lanes(2))
    discount = getattr(model.config, "gamma", 0.0)
    assert (model.gamma, model.n_steps) == (discount, model.config.unroll_length)


@every_kind
def test_everything_that_parameters_name_is_there(name: str) -> None:
    model = KINDS[name].model(cue_lanes(2))
    for each in model.get_parameters():
        assert hasattr(recursive_getattr(model, each), "load_state_dict")
