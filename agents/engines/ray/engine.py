"""The serial engine's parts in processes of their own: the driver learns and owns the clock."""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from agents.actor import Actor, OnStep
from agents.config import ALDConfig
from agents.distiller import Distiller
from agents.engines.faults import check_finite, environment_failed
from agents.engines.learning import learn
from agents.engines.ray.cluster import Cluster
from agents.engines.ray.crew import Crew
from agents.engines.ray.meters import Meters
from agents.engines.ray.payload import (
    Batch,
    Collected,
    Distilled,
    Failed,
    join_observations,
    select_rows,
    to_arrays,
)
from agents.engines.ray.settings import RaySettings
from agents.engines.ray.shared import ParameterBlock, SharedMemory, counter
from agents.engines.ray.workers import (
    Access,
    ActorPlan,
    ActorWorker,
    DistillerWorker,
    ParameterServer,
    Trained,
)
from agents.learner import Learner
from agents.replay import Replay
from agents.unroll import Unroll, select_lanes

# Seeds that are drawn stay below. Those of lanes above are for evaluation (`agents.evaluation`).
_LANE_SEEDS, _ACTION_SEEDS = 2**31, 2**62


class WorkersLanes(Protocol):
    """Lanes that the actors' workers make for themselves; `agents.remote_lanes.RemoteLanes` is such."""

    num_envs: int
    make: Callable[[int], Any]

    def connect(self, engine: RayEngine) -> None:
        """Be told whom to ask about the lanes."""


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
        replay: Replay,
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
                "their own: pass agents.remote_lanes.RemoteLanes"
            )
        self._meters = Meters()
        self._session = _Session(self, env)
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

    def begin(self, observation: Any) -> None:
        """Nothing: the workers' actors began when their lanes were reset."""

    def last_observation(self) -> Any:
        """What the environments showed last, as numpy."""
        return self.running.last_observation()

    def advance(
        self, env: WorkersLanes, on_step: OnStep, on_collected: Callable[[], None] = lambda: None
    ) -> dict[str, Any] | None:
        """One turn of the loop; see `SerialEngine.advance`.

        A batch that `on_step` stops in its middle is kept: the next call goes on with its next step. The
        workers have meanwhile acted further.

        Raises:
            LossNotFinite: A loss is NaN or infinite.
            EnvironmentFailed: An environment raised.
            WorkersDied: Workers of one kind die again and again.
            WaitedTooLong: Workers do not answer.
        """
        session = self.running
        batch = session.next_batch()
        while batch.steps_told < len(batch):
            if not on_step(batch.next_step()):
                return None
        on_collected()
        session.batch = None
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
        return self.running.begin(seed if self.learner.updates == 0 else None)

    def ask_lanes(self, actor: int, method: str, *arguments: Any, **further: Any) -> Any:
        """Call a method of the `VecEnv` of an actor's worker, after the unrolls that it is at."""
        reference = self.running.actors.ask(actor, "ask", method, *arguments, **further)
        return ray.get(reference, timeout=self.settings.wait_seconds)

    def close(self) -> None:
        """End the workers, after what they are at, and the cluster if it was started here."""
        if self._session is not None:
            session, self._session = self._session, None
            session.close()


class _Session:
    """The workers of an engine from start to end, and what is under way between them."""

    def __init__(self, engine: RayEngine, env: WorkersLanes) -> None:
        self._engine, self._settings = engine, engine.settings
        self._meters = engine._meters
        self._arrived: list[tuple[int, Collected]] = []
        self._metrics: list[Distilled] = []
        self._observations: dict[int, Any] = {}
        self.batch: Batch | None = None
        self._published: deque[tuple[int, Any]] = deque(maxlen=engine.config.distillation_window)
        self._unrolls_published = self._turn = 0
        with contextlib.ExitStack() as undo:
            self._cluster = Cluster(self._settings)
            undo.callback(self._cluster.leave)
            self._share_parameters()
            undo.callback(self._memory.close)
            self._hire(env)
            undo.pop_all()
        self._publish_replay()

    # Starting and ending

    def _share_parameters(self) -> None:
        """Move the model's parameters and moments into shared memory; the workers get copies to replace."""
        network, optimizer = self._engine.actor.network, self._engine.distiller.optimizer
        self._trained = Trained.of(network, optimizer)
        block = ParameterBlock(network, optimizer)
        self._memory = SharedMemory(block.size)
        block.move_to(self._memory.bytes)

    def _hire(self, env: WorkersLanes) -> None:
        settings, cluster = self._settings, self._cluster
        self._options = cluster.worker_options()
        server = None if cluster.is_one_node else self._server()
        access = Access(cluster.node, self._memory.path, server)
        limit = settings.max_deaths_in_a_row
        hire_actor = functools.partial(self._hire_actor, env.make, access)
        self.actors = Crew("actors", settings.num_actors, hire_actor, self._begin_anew, limit)
        hire_distiller = functools.partial(self._hire_distiller, access)
        self.distillers = Crew(
            "distillers", settings.num_distillers, hire_distiller, self._mourn_distiller, limit
        )

    def _server(self) -> Any:
        here = NodeAffinitySchedulingStrategy(self._cluster.node, soft=False)
        remote: Any = ray.remote(ParameterServer)
        options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
        return remote.options(**options).remote(self._trained, self._memory.path)

    def _hire_actor(self, make: Callable[[int], Any], access: Access, number: int) -> Any:
        engine, lanes = self._engine, self._engine.lanes_per_actor
        plan = ActorPlan(
            trained=self._trained,
            make=make,
            lanes=lanes,
            first_lane=number * lanes,
            all_lanes=engine.lanes if self._settings.lockstep else None,
            unroll_length=engine.config.unroll_length,
            access=access,
        )
        remote: Any = ray.remote(ActorWorker)
        return remote.options(**self._options).remote(plan)

    def _hire_distiller(self, access: Access, number: int) -> Any:
        remote: Any = ray.remote(DistillerWorker)
        return remote.options(**self._options).remote(self._trained, self._engine.config, access)

    def close(self) -> None:
        """Let distillers end what they are at, then end everything."""
        try:
            self.distillers.finish()
        finally:
            for crew in (self.actors, self.distillers):
                crew.dismiss()
            self._memory.close()
            self._cluster.leave()

    # Acting

    def begin(self, seed: int | None) -> Any:
        """Begin episodes in all lanes, and return what they show."""
        self._arrived.clear()
        self._observations.clear()
        self.batch = None
        random = self._common_random(seed) if self._settings.lockstep else None
        for number in range(len(self.actors)):
            self._begin_lanes(number, seed, random)
        everybody = len(self.actors)
        self._wait_for_actors(lambda: len(self._observations) == everybody)
        return self.last_observation()

    def _common_random(self, seed: int | None) -> int | torch.Tensor:
        """What all actors draw their actions from in lockstep: at first, what the serial engine does."""
        return self._draw(_ACTION_SEEDS) if seed is None else self._engine.actor.generator.get_state()

    def _begin_lanes(self, number: int, seed: int | None, random: int | torch.Tensor | None) -> None:
        """Let an actor begin episodes; `seed` of lane 0 and `random` of actions are drawn where None."""
        lanes = self._engine.lanes_per_actor
        first = self._draw(_LANE_SEEDS - lanes) if seed is None else seed + number * lanes
        self.actors.submit(number, "begin", first, self._draw(_ACTION_SEEDS) if random is None else random)

    def _begin_anew(self, number: int) -> None:
        """What a new actor in the place of a dead one does first."""
        self._meters.replaced("actors")
        self._begin_lanes(number, None, None)
        self._keep_busy(number)

    def _draw(self, limit: int) -> int:
        generator = self._engine.actor.generator
        return int(torch.randint(limit, (), generator=generator, device=generator.device))

    def _keep_busy(self, number: int) -> None:
        """Let an actor collect as many unrolls ahead as it may, once what was learnt has been distilled."""
        waiting = sum(owner == number for owner, _ in self._arrived)
        ahead = max(1, self._ahead)
        after = self.distillers.references()
        for _ in range(ahead - waiting - self.actors.outstanding(number, "collect")):
            self.actors.submit(number, "collect", after)

    def next_batch(self) -> Batch:
        """The batch that was begun, or the next: unrolls of as many actors as it takes, first come."""
        if self.batch is None:
            for number in range(len(self.actors)):
                self._keep_busy(number)
            wanted = self._settings.actors_per_update
            self._wait_for_actors(lambda: len({number for number, _ in self._arrived}) >= wanted)
            self.batch = self._take_batch(wanted)
        return self.batch

    def _take_batch(self, wanted: int) -> Batch:
        chosen: dict[int, Collected] = {}
        for number, collected in self._arrived:
            if len(chosen) < wanted:
                chosen.setdefault(number, collected)
        taken = {id(collected) for collected in chosen.values()}
        self._arrived = [each for each in self._arrived if id(each[1]) not in taken]
        if self._ahead > 0:
            for number in chosen:
                self._keep_busy(number)
        return Batch(chosen)

    @property
    def _ahead(self) -> int:
        """Unrolls that actors may be ahead of the learner."""
        return 0 if self._settings.lockstep else self._settings.queue_length

    def _wait_for_actors(self, done: Callable[[], bool]) -> None:
        with self._meters.timed("waiting"):
            self.actors.wait(done, self._take_from_actor, self._settings.wait_seconds)

    def _take_from_actor(self, number: int, method: str, result: Any) -> None:
        if isinstance(result, Failed):
            message = f"an environment of actor {number} raised:\n{result.traceback}"
            raise environment_failed(result.problem, message, result.lanes)
        if method == "begin":
            self._observations[number] = result
            return
        self._meters.collected(result)
        self._arrived.append((number, result))

    def last_observation(self) -> Any:
        """What all lanes showed last."""
        ordered = [self._observations[number] for number in sorted(self._observations)]
        return join_observations(ordered)

    # Learning

    def learn(self, batch: Batch) -> dict[str, Any]:
        """Learn from a batch and let it be distilled; return the diagnostics."""
        engine, learner = self._engine, self._engine.learner
        self._meters.learnt(batch, self._unrolls_published - batch.published, len(self._arrived))
        self._note_observations(batch)
        hand_out = functools.partial(self._hand_out, batch)
        with self._meters.timed("learning"), self._memory_of(batch):
            unroll = batch.unroll(learner.device)
            metrics = learn(learner, engine.replay, engine.config, unroll, hand_out)
        self._wait_for_distillers()
        return metrics | self._taken_metrics()

    @contextlib.contextmanager
    def _memory_of(self, batch: Batch) -> Iterator[None]:
        """Show the learner its memory of the batch's lanes alone."""
        learner, lanes = self._engine.learner, self._engine.lanes_per_actor
        if len(batch.actors) == len(self.actors):
            yield
            return
        rows = torch.cat([torch.arange(lanes) + number * lanes for number in batch.actors]).to(learner.device)
        whole = learner.core_state or learner.network.initial_state(self._engine.lanes)
        learner.core_state = select_lanes(whole, rows)
        try:
            yield
            whole = tuple(
                all_lanes.index_copy(0, rows, part)
                for all_lanes, part in zip(whole, learner.core_state, strict=True)
            )
        finally:
            learner.core_state = whole

    def _note_observations(self, batch: Batch) -> None:
        lanes, last = self._engine.lanes_per_actor, batch.last_observation()
        for place, number in enumerate(batch.actors):
            rows = slice(place * lanes, (place + 1) * lanes)
            self._observations[number] = select_rows(last, rows)

    # Distilling

    def _publish_replay(self) -> None:
        """Put what a resumed model distils from into the object store."""
        for unroll in list(self._engine.replay.unrolls)[-(self._published.maxlen or 1) :]:
            self._publish(unroll)

    def _publish(self, unroll: Unroll) -> None:
        """Put an unroll into the object store, without the transformer's memory, which nobody there needs."""
        reference = ray.put(to_arrays(unroll._replace(learner_state=None).to_tree()))
        self._published.append((self._unrolls_published, reference))
        self._unrolls_published += 1
        counter(self._memory.bytes).fill_(self._unrolls_published)

    def _hand_out(self, batch: Batch, unroll: Unroll) -> None:
        """Let what has just been learnt be distilled, and be acted on where nobody is ahead of it."""
        self._publish(unroll)
        config, crew = self._engine.config, self.distillers
        draw_age = functools.partial(self._engine.replay.draw_age, config.distillation_window)
        drawn = [self._published[-1 - draw_age()] for _ in range(config.distillation_steps)]
        for place in range(len(crew)):
            self._let_distil((place + self._turn) % len(crew), drawn[place :: len(crew)])
        self._turn += len(drawn)
        if self._ahead == 0:
            for number in batch.actors:
                self._keep_busy(number)

    def _let_distil(self, number: int, steps: list[tuple[int, Any]]) -> None:
        if steps:
            rate = self._engine.distiller.optimizer.param_groups[0]["lr"]
            order = [unroll for unroll, _ in steps]
            self.distillers.submit(number, "distil", list(dict(steps).items()), order, rate)

    def _wait_for_distillers(self) -> None:
        """Wait for those that are too far behind, and take what else has been done."""
        crew, lag = self.distillers, 0 if self._settings.lockstep else self._settings.max_distillation_lag
        with self._meters.timed("waiting"):
            crew.wait(lambda: self._behind() <= lag, self._take_from_distiller, self._settings.wait_seconds)
        for result in crew.results():
            self._take_from_distiller(*result)

    def _behind(self) -> int:
        return max(self.distillers.outstanding(number, "distil") for number in range(len(self.distillers)))

    def _take_from_distiller(self, number: int, method: str, result: Distilled) -> None:
        check_finite(result.metrics, self._kept(result.last))
        self._meters.distilled(result)
        self._metrics.append(result)

    def _kept(self, number: int) -> Unroll | None:
        """An unroll that was published, if the replay still has it."""
        age, unrolls = self._unrolls_published - 1 - number, self._engine.replay.unrolls
        return unrolls[-1 - age] if age < len(unrolls) else None

    def _mourn_distiller(self, number: int) -> None:
        """A new distiller in the place of a dead one needs nothing; the dead one's steps are lost."""
        self._meters.replaced("distillers")

    def _taken_metrics(self) -> dict[str, Any]:
        """Means over the tasks that ended since the last call, each worth its last step."""
        done, self._metrics = self._metrics, []
        updates = 1 + self._engine.config.learner_replays
        achieved = {"distillation/steps_per_learner_update": sum(each.steps for each in done) / updates}
        names = done[0].metrics if done else ()
        return {name: sum(each.metrics[name] for each in done) / len(done) for name in names} | achieved
