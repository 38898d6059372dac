"""The serial engine's parts in processes of their own: the driver learns and owns the clock."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import ray
import torch

from agents.engines.faults import WaitedTooLong
from agents.engines.ray.acting import Acting
from agents.engines.ray.distilling import Distilling
from agents.engines.ray.lanes import Lanes
from agents.engines.ray.meters import Meters
from agents.engines.ray.payload import Batch
from agents.engines.ray.processes import Processes
from agents.engines.ray.settings import RaySettings
from agents.learning.actor import Actor
from agents.learning.config import ALDConfig
from agents.learning.distiller import Distiller
from agents.learning.learner import Learner
from agents.learning.memory_targets import Infos
from agents.learning.replay_buffer import ReplayBuffer
from agents.learning.steps import OnStep, SteppedEnv
from agents.learning.unroll import Unroll, select_lanes


class WorkersLanes(Protocol):
    """Lanes that the actors' workers make for themselves; see `agents.vec_env.remote.RemoteLanes`."""

    num_envs: int
    make: Callable[[int], Lanes]

    def connect(self, engine: RayEngine) -> None:
        """Let `engine` answer for the lanes from now on."""


class RayEngine:
    """actors -> unrolls -> learner -> replay -> distillers -> the actors' parameters, all at the same time.

    Learner, replay and everything else that a model consists of live in this process, the driver, which acts
    out the callbacks of a batch when it has arrived, and then learns from it. Each actor may be
    `queue_length` unrolls ahead; each distiller `max_distillation_lag` behind, or the learner waits for it.
    The actor's parameters and Adam's moments lie in memory that workers of this machine share with the model.

    As long as `queue_length` is 0, only what does not depend on one another overlaps: distilling a batch and
    then acting the next, with learning again from the replay. With one distiller nothing else differs from
    the serial engine, and in lockstep not even the random numbers. Several distillers write the same
    parameters without locks; with a longer queue, unrolls are some batches old (`queue/policy_lag`).

    A worker that dies is replaced; its tasks in progress are lost, and its lanes begin new episodes. Episodes
    in progress are also lost between two calls of `open`.

    Args:
        actor: Has the network, the number of all lanes, and the generator that seeds whatever is random in
            the workers; it does not act itself.
        learner: Learns from batches, with a memory for all lanes.
        replay: Keeps batches with the learner's outputs.
        distiller: Has the optimizer of the actor's network.
        config: How many steps of each per batch, and on what.
        settings: How the work is divided.

    Raises:
        ValueError: The lanes cannot be divided among the actors.
    """

    def __init__(
        self,
        actor: Actor,
        learner: Learner,
        replay: ReplayBuffer,
        distiller: Distiller,
        config: ALDConfig,
        settings: RaySettings,
    ) -> None:
        self.actor, self.learner, self.replay, self.distiller = actor, learner, replay, distiller
        self.config, self.settings = config, settings
        self.lanes = len(actor.is_first)
        self.lanes_per_actor = settings.lanes_per_actor(self.lanes)
        self._session: _Session | None = None
        self._meters = Meters()

    def open(self, env: WorkersLanes) -> bool:
        """Start the workers, unless they run; return whether the environments have to be reset for it.

        Args:
            env: Made by the workers.

        Raises:
            TypeError: `env` lies in this process.
            WaitedTooLong, ConnectionError: There is no cluster, or no room in it.
        """
        if self._session is not None:
            return False
        if not hasattr(env, "make") or not hasattr(env, "connect"):
            raise TypeError(
                f"env is a {type(env).__name__} of this process, but with the Ray engine the workers make "
                "their own: pass agents.vec_env.remote.RemoteLanes"
            )
        self._meters = Meters()
        self._session = _Session(self, env, self._meters)
        env.connect(self)
        return True

    @property
    def running(self) -> _Session:
        """The workers.

        Raises:
            RuntimeError: There are none.
        """
        if self._session is None:
            raise RuntimeError("the workers of the Ray engine run only while a model learns")
        return self._session

    def begin(self, observation: Any, infos: Infos) -> None:
        """Give up a batch that was begun; the workers' actors began anew when their lanes were reset."""
        self.running.batch = None

    def last_observation(self) -> Any:
        """What the environments showed last, as numpy."""
        return self.running.acting.last_observation()

    def advance(
        self, env: SteppedEnv, on_step: OnStep, on_collected: Callable[[], None] = lambda: None
    ) -> dict[str, Any] | None:
        """One turn of the loop; see `SerialEngine.advance`. The workers step lanes of their own, not `env`.

        A batch that `on_step` stops in its middle is kept: the next call goes on with its next step. The
        workers have meanwhile acted further.

        Raises:
            LossNotFinite: A loss is NaN or infinite.
            EnvironmentFailed: An environment raised.
            WorkersDied: Workers of one kind die again and again.
            WaitedTooLong: Workers do not answer.
        """
        session, as_taken = self.running, self.actor.network.distribution.as_taken
        batch = session.next_batch()
        while batch.steps_told < len(batch):
            actions, step = batch.next_step()
            if not on_step(as_taken(torch.tensor(actions)), step):
                return None
        on_collected()
        return session.learn(batch)

    def take_seconds(self) -> dict[str, float]:
        """Seconds that each part took since the last call of `take_figures`, all its workers together."""
        return self._meters.take_seconds()

    def take_figures(self) -> dict[str, float]:
        """Lag, idle shares, speeds and replaced workers, by the names that they are logged under."""
        return self._meters.take_figures()

    def reset_lanes(self, seed: int | None) -> Any:
        """Begin new episodes in all lanes and return what they show.

        Args:
            seed: Of the first lane, lane i has `seed` + i; counts only before anything was learnt, as later
                it would bring the same episodes again.
        """
        observation = self.running.acting.begin(seed if self.learner.updates == 0 else None)
        self._meters.begin()
        return observation

    def ask_lanes(self, actor: int, method: str, *arguments: Any, **further: Any) -> Any:
        """Call a method of the `VecEnv` of an actor's worker, after the unrolls that it is at."""
        seconds = self.settings.wait_seconds
        reference = self.running.acting.crew.ask(actor, "ask", method, *arguments, **further)
        try:
            return ray.get(reference, timeout=seconds)
        except ray.exceptions.GetTimeoutError as late:
            raise WaitedTooLong(f"actor {actor} did not answer {method} for {seconds:g} s") from late

    def close(self) -> None:
        """End the workers, after what they are at, and the cluster if it was started here."""
        if self._session is not None:
            session, self._session = self._session, None
            session.close()


class _Session:
    """What an engine has while it is open.

    Attributes:
        batch: Of which the callbacks have not seen every step yet, or None.
    """

    def __init__(self, engine: RayEngine, env: WorkersLanes, meters: Meters) -> None:
        self._engine, self._meters = engine, meters
        settings, config, optimizer = engine.settings, engine.config, engine.distiller.optimizer
        self._processes = Processes(engine.actor.network, optimizer, config, settings, engine.actor.targets)
        with contextlib.ExitStack() as undo:
            undo.callback(self._processes.close)
            hire_distiller = self._processes.hire_distiller
            self._distilling = Distilling(hire_distiller, engine.replay, optimizer, config, settings, meters)
            lanes, after = engine.lanes_per_actor, self._distilling.crew.references
            hire_actor = functools.partial(self._processes.hire_actor, env.make, lanes)
            self.acting = Acting(hire_actor, lanes, engine.actor.generator, after, settings, meters)
            undo.pop_all()
        self.batch: Batch | None = None

    def next_batch(self) -> Batch:
        """The batch that was begun, or the next."""
        if self.batch is None:
            self.batch = self.acting.next_batch()
        return self.batch

    def learn(self, batch: Batch) -> dict[str, Any]:
        """Learn from a batch and let it be distilled; return the diagnostics."""
        learner, replay, config = self._engine.learner, self._engine.replay, self._engine.config
        self.batch = None
        self._meters.learnt(batch, self._distilling.published - batch.published, self.acting.waiting)
        with self._meters.timed("learning"):
            with self._memory_of(batch):
                unroll, loss, metrics = learner.evaluate(batch.unroll(learner.device))
            replay.add(unroll)
            lanes = config.replay_lanes or unroll.lanes
            drawn = [replay.sample_lanes(lanes) for _ in range(config.learner_replays)]
            self._hand_out(batch, unroll)  # nothing that is distilled depends on the gradients
            metrics |= learner.apply(loss)
            for again in drawn:
                learner.apply(learner.evaluate(again).loss)
        return metrics | self._distilling.keep_up()

    def _hand_out(self, batch: Batch, unroll: Unroll) -> None:
        """Let a batch be distilled, and then be acted on unless actors are ahead of it."""
        self._distilling.hand_out(unroll)
        self._processes.count(self._distilling.published)
        if self.acting.ahead == 0:
            self.acting.keep_busy(batch.actors)

    @contextlib.contextmanager
    def _memory_of(self, batch: Batch) -> Iterator[None]:
        """Show the learner its memory of the batch's lanes alone."""
        learner, lanes = self._engine.learner, self._engine.lanes_per_actor
        if len(batch.actors) * lanes == self._engine.lanes:
            yield
            return
        rows = torch.cat([torch.arange(lanes) + number * lanes for number in batch.actors]).to(learner.device)
        whole = learner.core_state or learner.networks.initial_state(self._engine.lanes)
        learner.core_state = select_lanes(whole, rows)
        try:
            yield
            parts = zip(whole, learner.core_state, strict=True)
            whole = tuple(all_lanes.index_copy(0, rows, part) for all_lanes, part in parts)
        finally:
            learner.core_state = whole

    def close(self) -> None:
        """Let distillers end what they are at, then end everything."""
        try:
            self._distilling.crew.finish()
        finally:
            for crew in (self.acting.crew, self._distilling.crew):
                crew.dismiss()
            self._processes.close()
