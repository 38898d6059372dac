"""What acting, learning, distilling and the driver's own work cost on this machine."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from agents.ald import ALD
from agents.engines.ray import RaySettings
from agents.engines.ray.lanes import RecordedLanes
from agents.engines.ray.payload import Batch, Collected, TaskTime, to_arrays, to_tensors
from agents.learning.steps import Step
from agents.learning.unroll import Unroll
from agents.process.provenance import provenance
from agents.process.torch_modes import denormals_as_zero, one_thread
from agents.sb3.algorithm import find_algorithm
from agents.sb3.base import ConfiguredAlgorithm
from agents.sb3.success import SuccessReports
from agents.scaling.costs import Affine, Costs
from agents.scaling.ray_costs import measure_ray, median_seconds
from agents.vec_env.make import make_remote_lanes
from memory_envs.registry.presets import PRESETS, Preset, get_preset

# Runs of each piece before those that are measured.
WARM_UP = 2


def measure(preset: str, lanes: Sequence[int], repeats: int, device: str = "cpu") -> Costs:
    """Time every part of the engine, alone and on one thread; medians, and lines through them.

    What this process does by itself is timed in seconds of its processor, so that other programs disturb
    little; what goes through Ray, and everything where the learner is not on a CPU, by the clock.

    Args:
        preset: One of ALD's.
        lanes: Numbers of lanes to measure; the costs of others lie on a line between them, or beyond.
        repeats: Over which the medians are taken.
        device: Of the learner.

    Raises:
        ValueError: The preset's agent does not run on the engine, or there is too little to measure.
        ImportError: Ray is not installed.
    """
    if len(set(lanes)) < 2 or min(lanes) < 1 or repeats < 1:
        raise ValueError(
            "lanes must be two different numbers or more, at least 1 each, and repeats at least 1, "
            f"got {' '.join(map(str, lanes))} and {repeats}"
        )
    row = _preset(preset)
    with one_thread(), denormals_as_zero():
        benches = {count: Bench(row, count, torch.device(device)) for count in sorted(set(lanes))}
        times = {count: bench.times(repeats) for count, bench in benches.items()}
        smallest = next(iter(benches.values())).model
        names = next(iter(times.values()))
        costs = {name: Affine.fit(list(times), [each[name] for each in times.values()]) for name in names}
        if smallest.config.replay_lanes is not None:
            costs["replay_update"] = Affine(median(each["replay_update"] for each in times.values()))
        costs |= measure_ray({count: bench.sent() for count, bench in benches.items()}, smallest, repeats)
    return Costs(
        preset=preset,
        machine=_machine(device),
        unroll_length=smallest.config.unroll_length,
        learner_replays=smallest.config.learner_replays,
        distillation_steps=smallest.config.distillation_steps,
        **costs,
    )


def _preset(name: str) -> Preset:
    row = get_preset(name)
    if "ray" not in find_algorithm(row.agent).engines:
        known = ", ".join(
            each.name for each in PRESETS.values() if "ray" in find_algorithm(each.agent).engines
        )
        raise ValueError(f"preset {name!r} does not run on the Ray engine: choose one of {known}")
    return row


def _machine(device: str) -> str:
    known = provenance()
    learner = "" if device == "cpu" else f", learner on {device}"
    return f"{known['processor']}, {known['cores']} cores, torch {known['libraries']['torch']}{learner}"


class Bench:
    """The parts of a model of some lanes, each ready to be run over and over.

    Args:
        preset: Whose.
        lanes: Of the only actor, and of a batch.
        device: Of the learner.
    """

    def __init__(self, preset: Preset, lanes: int, device: torch.device) -> None:
        env = make_remote_lanes(preset.env, lanes, preset.env_kwargs)
        algorithm: type[ConfiguredAlgorithm] = find_algorithm(preset.agent)
        model: Any = algorithm(
            preset.policy,
            env,
            algorithm.config_class(**preset.overrides),
            seed=0,
            device=device,
            engine=RaySettings(),
        )
        self.model: ALD = model
        self._device = device
        self._lanes = RecordedLanes(env.make, lanes, 0)
        self.model.actor.begin(self._lanes.begin(0), self._lanes.first_infos())
        self._infos: list[Any] = []
        self.collected = self._collect()
        self.unroll = self.model.learner.evaluate(self._batch().unroll(device)).unroll
        for _ in range(self.model.config.replay_size):
            self.model.replay.add(self.unroll)
        self.model.ep_info_buffer, self.model.ep_success_buffer = (deque(maxlen=200) for _ in range(2))
        self.model._reports = SuccessReports()
        self._callback = self.model._init_callback(CallbackList([_Nothing(), _Nothing()]))

    def _collect(self) -> Collected:
        self._infos = []
        unroll = self.model.actor.collect(self._lanes, self._note)
        assert unroll is not None
        return Collected(to_arrays(unroll.to_tree()), self._infos, 0, TaskTime(0.0, 0.0, 0.0))

    def _note(self, actions: Any, step: Step) -> bool:
        self._infos.append(step.infos)
        return True

    def _batch(self) -> Batch:
        return Batch({0: self.collected})

    def times(self, repeats: int) -> dict[str, float]:
        """Return the median seconds of each piece, by the names of `Costs`."""
        pieces: dict[str, Callable[[], Any]] = {
            "acting_step": self._collect,
            "converting": self._convert(),
            "drawing": self._draw,
            "replay_update": self._replay_update(),
            "fetching": self._fetch(),
            "distilling_step": self._distil(),
        }
        seconds = {name: self._median(piece, repeats) for name, piece in pieces.items()}
        seconds["acting_step"] /= self.model.config.unroll_length
        return seconds | {"callbacks": self._callbacks(repeats)} | self._first_update(repeats)

    def _first_update(self, repeats: int) -> dict[str, float]:
        """Seconds until a new unroll is evaluated, and until that is applied."""
        unroll = self._batch().unroll(self._device)

        def update() -> tuple[float, float]:
            start = self._now()
            loss = self.model.learner.evaluate(unroll).loss
            known = self._now()
            self.model.learner.apply(loss)
            return known - start, self._now() - known

        before, after = zip(*[update() for _ in range(WARM_UP + repeats)][WARM_UP:], strict=True)
        return {"first_outputs": median(before), "first_gradients": median(after)}

    def _convert(self) -> Callable[[], Any]:
        batch = self._batch()
        return lambda: batch.unroll(self._device)

    def _draw(self) -> None:
        config, replay = self.model.config, self.model.replay
        replay.add(self.unroll)
        for _ in range(config.learner_replays):
            replay.sample_lanes(config.replay_lanes or self.unroll.lanes)

    def _replay_update(self) -> Callable[[], Any]:
        again = self.model.replay.sample_lanes(self.model.config.replay_lanes or self.unroll.lanes)
        return lambda: self.model.learner.apply(self.model.learner.evaluate(again).loss)

    def sent(self) -> tuple[Collected, dict[str, Any]]:
        """Return what an actor sends and what distillers get."""
        return self.collected, to_arrays(self.unroll._replace(learner_state=None).to_tree())

    def _fetch(self) -> Callable[[], Any]:
        _, tree = self.sent()
        return lambda: Unroll.from_tree(to_tensors(tree, torch.device("cpu")))

    def _distil(self) -> Callable[[], Any]:
        unroll = self._fetch()()
        return lambda: self.model.distiller.update(unroll)

    def _callbacks(self, repeats: int) -> float:
        """Seconds of a vector step: what the model does with it, and two callbacks, as the program has."""
        steps = len(self._batch())

        def tell() -> float:
            batch, start = self._batch(), self._now()
            for _ in range(steps):
                self.model._on_step(self._callback, *batch.next_step())
            return (self._now() - start) / steps

        return median([tell() for _ in range(WARM_UP + repeats)][WARM_UP:])

    def _median(self, piece: Callable[[], Any], repeats: int) -> float:
        return median_seconds(piece, repeats, self._now, WARM_UP)

    def _now(self) -> float:
        if self._device.type == "cpu":
            return time.process_time()
        torch.accelerator.synchronize()
        return time.perf_counter()


class _Nothing(BaseCallback):
    """Like those of the training program between two unrolls."""

    def _on_step(self) -> bool:
        return True
