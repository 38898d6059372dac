"""What the Ray engine is made of, each part on its own and without Ray running."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.baselines.vmpo import VMPO
from agents.engines.faults import EnvironmentFailed, LossNotFinite, environment_failed
from agents.engines.ray import RaySettings, import_ray
from agents.engines.ray.cluster import Cluster
from agents.engines.ray.lanes import EnvironmentRaised, RecordedLanes
from agents.engines.ray.meters import Meters
from agents.engines.ray.parameters import Trained
from agents.engines.ray.payload import Batch, Collected, Distilled, Work, join, to_arrays, to_tensors
from agents.engines.ray.shared import ParameterBlock, SharedMemory, counter, map_memory
from agents.learning.actor import Actor, sample
from agents.learning.unroll import Unroll
from agents.runs import incident
from agents.runs.command_line import parse
from agents.runs.directory import RunDirectory
from agents.sb3 import checkpoint
from agents.train import main as train
from agents.vec_env.remote import RemoteLanes
from tests.support.processes import shared_files, unanswered
from tests.support.ray_models import CueLost, fragile_lanes, ray_model
from tests.support.tiny import LANES, SETTINGS, UNROLL, Showcase, differences, maze_lanes, maze_model

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = SETTINGS["unroll_length"]


def collected(lanes: int, seed: int = 0, rows_of: tuple[int, int] | None = None) -> Collected:
    """An unroll of a fresh actor, as a worker sends it."""
    model, env = maze_model(), maze_lanes(lanes, max_episode_steps=4)
    env.seed(seed)
    actor = Actor(model.actor.network, lanes, LENGTH, 5, torch.device("cpu"), rows_of)
    actor.begin(env.reset())
    infos: list[list[dict[str, Any]]] = []
    unroll = actor.collect(env, lambda step: infos.append(step["infos"]) or True)  # type: ignore[func-returns-value]
    assert unroll is not None
    return Collected(to_arrays(unroll.to_tree()), infos, 3, Work(1.0, 0.5, 0.75))


# --- Settings and options -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_actors": 0}, "num_actors must be at least 1, got 0"),
        ({"num_distillers": 2, "lockstep": True}, "num_distillers must be 1 in lockstep, got 2"),
        ({"num_actors": 4, "unrolls_per_update": 3}, "unrolls_per_update must be a divisor of num_actors=4"),
        ({"wait_seconds": 0.0}, "wait_seconds must be greater than 0"),
        ({"address": "ray://head:10001"}, "address must be auto, or host:port"),
        ({"worker_cpus": -1.0}, "worker_cpus must be at least 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RaySettings(**settings)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "rya"], "no engine 'rya', did you mean 'ray'"),
        (["--num-actors", "2"], "--num-actors 2 needs --engine ray"),
        (["--lockstep"], "--lockstep True needs --engine ray"),
        (["--engine", "ray", "--num-actors", "5"], "choose one of 1, 2, 4, 8, 16"),
    ],
)
def test_options_that_cannot_work_are_refused(options: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(["--env", "MemoryEnvs/IMaze-v0", *options])


def test_agents_without_a_distiller_and_environments_of_this_process_are_refused() -> None:
    with pytest.raises(ValueError, match="VMPO runs on the serial engine only"):
        VMPO("LstmPolicy", maze_lanes(), engine=RaySettings())
    with pytest.raises(TypeError, match="pass agents.vec_env.remote.RemoteLanes"):
        maze_model(engine=RaySettings()).engine.open(maze_lanes())


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"memory-envs\[distributed\]"):
        import_ray(RaySettings())


def test_no_cluster_to_be_found_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def found_none(**_: Any) -> None:
        raise ConnectionError("Ray's own advice")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", found_none)
    with pytest.raises(ConnectionError, match=r"'auto'.*ray start --head"):
        Cluster(RaySettings(address="auto"))


def test_an_address_where_nothing_answers_is_an_error_at_once() -> None:
    with unanswered() as address:
        with pytest.raises(ConnectionError, match=f"no Ray cluster answers at {address}"):
            ray_model(address=address).learn(UNROLL)


@pytest.mark.slow
def test_ray_is_imported_by_its_engine_alone() -> None:
    code = "import sys, agents.train, agents.vec_env.remote; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- Shared memory --------------------------------------------------------------------------------


def test_two_processes_see_one_memory_that_leaves_no_name() -> None:
    before = shared_files()
    memory = SharedMemory(128)
    counter(memory.bytes).fill_(1)
    if (child := os.fork()) == 0:
        counter(map_memory(memory.path)).add_(41)
        os._exit(0)
    os.waitpid(child, 0)
    assert int(counter(memory.bytes)) == 42 and shared_files() == before
    memory.close()
    with pytest.raises(OSError):
        map_memory(memory.path)
    assert int(counter(memory.bytes)) == 42  # who mapped it keeps it


def test_memory_without_a_nameless_kind_is_a_file_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    memory = SharedMemory(64)
    counter(map_memory(memory.path)).fill_(7)
    assert int(counter(memory.bytes)) == 7 and Path(memory.path).exists()
    memory.close()
    assert not Path(memory.path).exists()


def test_a_distiller_elsewhere_moves_the_parameters_and_moments_of_the_model() -> None:
    model, twin = maze_model(), maze_model()
    for each in (model, twin):
        each.learn(UNROLL)
    trained = Trained.of(model.actor.network, model.policy.optimizer)
    block = ParameterBlock(model.actor.network, model.policy.optimizer)
    memory = SharedMemory(block.size)
    block.move_to(memory.bytes)
    assert differences(model.policy.state_dict(), twin.policy.state_dict()) == []
    network, optimizer = trained.copies()
    ParameterBlock(network, optimizer).look_into(map_memory(memory.path))
    other = type(model.distiller)(network, optimizer, model.config)
    for _ in range(3):
        other.update(model.replay.unrolls[-1])
        twin.distiller.update(twin.replay.unrolls[-1])
    assert differences(model.policy.state_dict(), twin.policy.state_dict()) == []
    assert differences(model.policy.optimizer.state_dict(), twin.policy.optimizer.state_dict()) == []
    memory.close()


def test_moments_of_other_optimizers_are_refused() -> None:
    network = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="got the optimizer SGD"):
        ParameterBlock(network, torch.optim.SGD(network.parameters(), lr=0.1))


# --- What travels ---------------------------------------------------------------------------------


def test_unrolls_of_several_actors_side_by_side_are_one_of_all_lanes() -> None:
    whole = collected(LANES)
    env_seeds = [(0, 0), (LANES // 2, LANES // 2)]
    parts = [collected(LANES // 2, seed, (first, LANES)) for first, seed in env_seeds]
    joined, alone = join([part.unroll for part in parts]), dict(whole.unroll)
    order = np.lexsort((joined["final_lane"], joined["final_time"]))
    for name in ("final_time", "final_lane", "final_observation"):
        joined[name] = joined[name][order]
    for name in ("behaviour_logits", "actor_state"):  # products of fewer rows round differently
        for left, right in zip(joined.pop(name), alone.pop(name), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
    assert len(order) > 0 and differences(joined, alone) == []


def test_a_batch_tells_each_step_as_the_environments_did() -> None:
    part = collected(LANES)
    batch, env = Batch({0: part}), maze_lanes(max_episode_steps=4)
    env.seed(0)
    env.reset()
    for time in range(LENGTH):
        step = batch.next_step()
        observation, rewards, dones, infos = env.step(part.unroll["action"][time])
        told = {"rewards": rewards, "dones": dones, "new_obs": observation}
        assert differences({name: step[name] for name in told}, told) == []
        assert [info["TimeLimit.truncated"] for info in step["infos"]] == [
            info["TimeLimit.truncated"] for info in infos
        ]
    assert batch.steps_told == len(batch) == LENGTH and batch.frames == UNROLL
    np.testing.assert_array_equal(batch.last_observation(), observation)


def test_arrays_become_the_tensors_that_they_were_even_if_they_cannot_be_written() -> None:
    tree = collected(LANES).unroll
    for array in (tree["action"], tree["reward"]):
        array.flags.writeable = False
    unroll = Unroll.from_tree(to_tensors(tree, torch.device("cpu")))
    assert differences(to_arrays(unroll.to_tree()), tree) == []


def test_actors_with_equal_seeds_draw_as_one_for_all_lanes() -> None:
    logits = torch.randn(6, 3)
    draw = functools.partial(torch.Generator().manual_seed, 4)
    parts = [sample(logits[rows], draw(), (rows.start, 6)) for rows in (slice(0, 2), slice(2, 6))]
    assert torch.equal(torch.cat(parts), sample(logits, draw()))


# --- Failures -------------------------------------------------------------------------------------


def test_the_lane_that_raised_is_known_with_its_seed_and_actions() -> None:
    lanes = RecordedLanes(functools.partial(fragile_lanes, 4, "raise"), 3, first_lane=3)
    lanes.begin(seed=10)
    for action in (0, 1, 1):
        lanes.step(np.full(3, action))
    with pytest.raises(EnvironmentRaised) as caught:
        lanes.step(np.array([0, 0, 1]))
    [record] = caught.value.failed.lanes
    assert record == {"lane": 5, "seed": 12, "episode": 1, "actions": [1, 1]}
    assert isinstance(caught.value.failed.problem, CueLost)


def test_an_environment_that_cannot_be_made_is_reported_as_one_that_raises() -> None:
    def make(lanes: int) -> Any:
        raise FileNotFoundError("no maze here")

    with pytest.raises(EnvironmentRaised, match="no maze here"):
        RecordedLanes(make, 2, 0)


class Picky(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(one, two)


@pytest.mark.parametrize("problem", [CueLost("x"), OSError(2, "x"), UnicodeDecodeError("a", b"b", 0, 1, "c")])
def test_a_failure_is_also_what_the_environment_raised(problem: Exception) -> None:
    failed = environment_failed(problem, "in words", [{"lane": 1}])
    assert isinstance(failed, EnvironmentFailed) and str(failed) == "in words"
    assert isinstance(failed, type(problem)) or isinstance(problem, UnicodeDecodeError)


@pytest.mark.parametrize("problem", [None, Picky(1, 2)])
def test_a_failure_whose_cause_cannot_be_rebuilt_is_plain(problem: Exception | None) -> None:
    assert type(environment_failed(problem, "in words", [])) is EnvironmentFailed


def test_what_is_known_of_failures_is_kept(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    lanes = [{"lane": 0, "seed": 3, "episode": 2, "actions": [1]}]
    path = incident.keep(run, environment_failed(None, "x", lanes), "Some/Env-v0", {"size": 3})
    assert path is not None and '"seed": 3' in path.read_text() and "Some/Env-v0" in path.read_text()
    unroll = Unroll.from_tree(to_tensors(collected(LANES).unroll, torch.device("cpu")))
    path = incident.keep(run, LossNotFinite({"loss/value": float("nan")}, unroll), "Some/Env-v0", {})
    assert path is not None
    stored = checkpoint.load(path)
    assert np.isnan(stored["losses"]["loss/value"])
    assert differences(Unroll.from_tree(stored["unroll"]).to_tree(), unroll.to_tree()) == []


@pytest.mark.parametrize("part", ["learner", "actor"])
def test_a_loss_that_is_not_finite_stops_training_with_the_unroll(part: str) -> None:
    model = maze_model()
    model.learn(UNROLL)
    network = model.learner.network if part == "learner" else model.actor.network
    with torch.no_grad():
        network.value_head[-1].bias.fill_(float("nan")) if part == "actor" else network.value_head.bias.fill_(  # type: ignore[index,union-attr]
            float("nan")
        )
    name = "loss/value" if part == "learner" else "distillation/value_gap"
    with pytest.raises(LossNotFinite, match=f"{name} is nan") as caught:
        model.learn(UNROLL)
    assert caught.value.unroll is not None and caught.value.unroll.lanes == LANES


# --- Lanes elsewhere, and meters ------------------------------------------------------------------


def test_remote_lanes_have_the_spaces_of_the_others_and_refuse_to_step() -> None:
    lanes, local = RemoteLanes(maze_lanes, LANES), maze_lanes()
    assert (lanes.num_envs, lanes.observation_space) == (LANES, local.observation_space)
    for refused in (lanes.reset, lambda: lanes.step(np.zeros(LANES)), lambda: lanes.get_attr("spec")):
        with pytest.raises(RuntimeError, match="Ray engine"):
            refused()


def test_images_have_their_channels_first_in_the_workers_too() -> None:
    from gymnasium import spaces

    def make(lanes: int) -> DummyVecEnv:
        image = spaces.Box(0, 255, (36, 40, 3), np.uint8)
        return DummyVecEnv([lambda: Showcase(image, spaces.Discrete(2))] * lanes)

    remote = RemoteLanes(make, 2)
    assert remote.observation_space.shape == (3, 36, 40)
    assert remote.make(2).reset().shape == (2, 3, 36, 40)  # type: ignore[union-attr]


def test_lanes_are_shared_evenly_when_the_model_is_made() -> None:
    with pytest.raises(ValueError, match="got 3: choose one of 1, 2, 4"):
        ray_model(num_actors=3)


def test_meters_add_up_and_begin_anew() -> None:
    meters, part = Meters(), collected(LANES)
    meters.collected(part)
    meters.collected(part)
    meters.distilled(Distilled({}, 0, 6, 6 * UNROLL, Work(3.0, 1.0, 2.0)))
    meters.learnt(Batch({0: part}), lag=4.0, queued=2)
    assert meters.take_seconds() == {
        "acting": 2.0,
        "acting_cpu": 1.5,
        "distilling": 3.0,
        "distilling_cpu": 2.0,
    }
    figures = meters.take_figures()
    assert figures["queue/policy_lag"] == 4.0 and figures["queue/depth"] == 2.0
    assert figures["idle/actors"] == pytest.approx(1 / 3) and figures["idle/distillers"] == 0.25
    assert figures["speed/acting"] == UNROLL and figures["speed/distilling"] == 2 * UNROLL
    assert figures["distillation/steps_per_rl_step"] == 6
    assert meters.take_seconds() == {} and meters.take_figures()["speed/acting"] == 0.0


def test_a_program_refuses_the_engine_for_agents_that_do_not_run_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--preset", "imaze/random", "--engine", "ray", "--run-dir", str(tmp_path / "run")]
    assert train(arguments) == 2
    assert "--engine ray does not run the agent 'random': choose serial" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_without_the_processes_that_it_had(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    options = parse(["--preset", "imaze/ald", "--engine", "ray", "--num-actors", "2"])
    run.write_config(options.to_dict())
    kept = parse(["--resume", str(run.path)]).run
    assert (kept.engine, kept.num_actors) == ("ray", 2)
    alone = parse(["--resume", str(run.path), "--engine", "serial"]).run
    assert (alone.engine, alone.num_actors, alone.ray_settings) == ("serial", 1, None)


@pytest.mark.parametrize(
    ("cores", "options", "threads"),
    [
        (2, [], 2),
        (2, ["--engine", "ray"], 1),
        (8, ["--engine", "ray", "--num-actors", "4"], 3),
        (2, ["--engine", "ray", "--ray-address", "auto"], 2),
        (2, ["--engine", "ray", "--num-threads", "2"], 2),
    ],
)
def test_the_learner_has_the_threads_that_its_workers_leave(
    monkeypatch: pytest.MonkeyPatch, cores: int, options: list[str], threads: int
) -> None:
    monkeypatch.setattr("agents.runs.command_line.available_cores", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert parse(["--preset", "imaze/ald", *options]).run.num_threads == threads
