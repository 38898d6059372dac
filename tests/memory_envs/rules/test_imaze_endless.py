"""An endless maze: every answer leads to a new corridor with a new cue."""

import json

import gymnasium
import numpy as np
import pytest

from memory_envs.finite.imaze import FiniteIMaze
from memory_envs.imaze import IMazeEnv, IMazeVectorEnv
from memory_envs.policies.reference import reference_policy
from memory_envs.rules import imaze, maze
from memory_envs.rules.grid import EAST, FORWARD
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.values import best
from tests.support.env_oracles import route, solution

SMALL = {"size": 5, "view_size": 1, "endless": True}


def roaming(config, state, steps, seed=0):
    """Actions that go from one drawn goal to the next, with a drawn action now and then."""
    random, actions, goal = np.random.default_rng(seed), [], 0
    while len(actions) < steps:
        cell = maze.goal_cell(config, goal)
        way = route(config, (state.row, state.column, state.heading), lambda *at, cell=cell: at[:2] == cell)
        actions.append(way[0] if random.random() < 0.8 else int(random.integers(3)))
        before = state
        state, *_ = imaze.transition(config, state, actions[-1])
        if state.corridor > before.corridor:
            goal = int(random.integers(config.num_cues))
    return actions


def answered(config, state, *, rightly):
    """Walk to a goal; returns the state and reward after the step that reaches it."""
    asked = state if rightly else state._replace(cue=(state.cue + 1) % config.num_cues)
    for action in solution(config, asked):
        before = state
        state, reward, terminated, truncated = imaze.transition(config, state, action)
        assert not terminated and not truncated
    return before, state, reward


@pytest.mark.parametrize("num_cues", [2, 4])
def test_an_answer_is_paid_and_leads_to_a_corridor_that_begins_as_an_episode_does(num_cues):
    config = imaze.configure(endless=True, num_cues=num_cues, step_penalty=0.25)
    ended = imaze.configure(num_cues=num_cues)
    state = imaze.begin(config, episode_key(0, 0))
    first = imaze.begin(ended, episode_key(0, 0))
    assert state._replace(key=0) == first  # the same episode, as far as one that ends goes
    answers, cues = [True, False, True, True, False, True, True], [state.cue]
    events = np.zeros(2, dtype=int)
    for corridor, rightly in enumerate(answers, start=1):
        before, state, reward = answered(config, state, rightly=rightly)
        assert reward == (1 if rightly else -1) - 0.25
        assert state.corridor == corridor and state.right == sum(answers[:corridor])
        fresh = imaze.first_state(ended, state.cue, state.heading)
        assert state._replace(corridor=0, right=0, key=0, steps=0) == fresh
        imaze.write_events(config, before, state, events)
        assert events.tolist() == [1 + before.cue if rightly else 0, 0 if rightly else 1]
        assert imaze.is_success(config, state) == all(answers[:corridor])
        imaze.check_state(config, state)
        cues.append(state.cue)
    assert len(set(cues)) > 1


def test_the_cues_and_headings_of_later_corridors_are_drawn_evenly_and_independently():
    config = imaze.configure(size=5, view_size=1, endless=True)
    counts = np.zeros((2, 2, 4, 2))
    for key in np.random.default_rng(0).integers(2**32, size=1600).tolist():
        state = imaze.begin(config, key)
        following = imaze.next_corridor(config, state, 5, 1)
        later = imaze.next_corridor(config, following, 9, 2)
        counts[state.cue, following.cue, following.heading, later.cue] += 1
    assert abs(counts - 50).max() < 4.5 * 50**0.5


def test_time_alone_ends_an_endless_episode_also_in_the_step_of_an_answer():
    assert imaze.configure(endless=True).max_steps == 600
    assert imaze.configure(endless=True, delay=10).max_steps == 640
    state = imaze.begin(imaze.configure(endless=True), episode_key(0, 0))
    way = solution(imaze.configure(), state)
    for limit, outcome in ((len(way), (1.0, False, True)), (len(way) - 1, (0.0, False, True))):
        config, played = imaze.configure(endless=True, max_episode_steps=limit), state
        for action in way[:limit]:
            played, reward, terminated, truncated = imaze.transition(config, played, action)
        assert (reward, terminated, truncated) == outcome
        imaze.check_state(config, played)


def test_the_delay_holds_the_agent_once_in_every_corridor():
    config = imaze.configure(**SMALL, delay=3)
    state, held = imaze.begin(config, episode_key(0, 0)), {}
    for action in [*roaming(config, state, 100), *np.random.default_rng(0).choice([0, 1, 2, 2], size=150)]:
        before = state
        state, *_ = imaze.transition(config, state, action)
        held[before.corridor] = held.get(before.corridor, 0) + (before.hold > 0)
    assert len(held) > 5 and {*held.values()} <= {0, 3} and 3 in held.values()


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"corridor": 1}, "state field corridor must be in [0, 0], got 1"),
        ({"key": 2**32}, "state field key must be in"),
        ({"right": 1}, "state field right must be in [0, 0], got 1"),
        ({"outcome": 1}, "state field outcome must be in [0, 0], got 1"),
        ({"cue": 1}, "state field cue must be 0 in corridor 0 of this key, got 1"),
    ],
)
def test_a_state_that_no_endless_episode_can_be_in_is_named(changed, message):
    config = imaze.configure(endless=True)
    keys = (episode_key(0, episode) for episode in range(99))
    state = next(state for key in keys if (state := imaze.begin(config, key)).cue == 0)
    with pytest.raises(ValueError) as refusal:
        imaze.check_state(config, state._replace(**changed))
    assert message in str(refusal.value)
    for field in ("corridor", "right", "key"):  # all 0 in a maze that ends
        with pytest.raises(ValueError, match=f"state field {field} must be in"):
            imaze.check_state(imaze.configure(), state._replace(key=0)._replace(**{field: 1}))


def test_the_finite_form_is_the_maze_whose_next_corridor_is_unknown():
    config = imaze.configure(size=7, endless=True, observability="perfect_memory")
    task = FiniteIMaze(config)
    state, known = imaze.begin(config, episode_key(0, 1)), set(enumerate_states(task).states)
    answers = 0
    for action in roaming(config, state, 150):
        outcomes = task.step(task.lasting(state)._replace(corridor=0), action)
        after, reward, terminated, _ = imaze.transition(config, state, action)
        lasting = task.lasting(after)._replace(corridor=0)
        assert lasting in [each.state for each in outcomes] and lasting in known
        assert {(each.reward, each.terminated) for each in outcomes} == {(reward, terminated)}
        assert task.observe(lasting) == task.observe(after)
        assert len(outcomes) == (1 if after.corridor == state.corridor else 8)
        answers += after.corridor - state.corridor
        state = after
    assert answers > 3


def test_lanes_and_single_environments_play_the_same_corridors():
    settings = SMALL | {"max_episode_steps": 90, "analysis": True}
    envs = IMazeVectorEnv(3, autoreset_mode="SameStep", **settings)
    singles = [IMazeEnv(**settings) for _ in range(3)]
    observations, _ = envs.reset(seed=4)
    for lane, env in enumerate(singles):
        assert (env.reset(seed=4 + lane)[0] == observations[lane]).all()
    paid = 0
    states = [imaze.State(*list(env.get_state().values())[3:-1]) for env in singles]
    walks = [roaming(envs.config, state, 200, seed) for seed, state in enumerate(states)]
    for actions in np.array(walks).T:
        observations, rewards, _, truncated, infos = envs.step(actions)
        for lane, env in enumerate(singles):
            seen, reward, _, over, info = env.step(actions[lane])
            assert (reward, over) == (rewards[lane], truncated[lane])
            told = infos["final_info"] if over else infos
            assert {name: told[name][lane] for name in info} == info
            assert ((env.reset()[0] if over else seen) == observations[lane]).all()
            paid += reward != 0
    assert paid > 10


def test_states_are_saved_and_those_of_before_there_were_corridors_are_still_read():
    env, other = (IMazeEnv(**SMALL) for _ in range(2))
    env.reset(seed=0)
    for action in roaming(env.config, imaze.State(*list(env.get_state().values())[3:-1]), 60):
        env.step(action)
    assert env.get_state()["corridor"] > 0
    other.set_state(json.loads(json.dumps(env.get_state())))
    assert other.state_hash() == env.state_hash()
    assert [other.step(FORWARD)[1] for _ in range(50)] == [env.step(FORWARD)[1] for _ in range(50)]

    later = ("corridor", "right", "key")
    for make in (IMazeEnv, lambda: IMazeVectorEnv(2)):
        plain = make()
        plain.reset(seed=0)
        state = plain.get_state()
        for name in ("num_cues", "endless"):
            del state["config"][name]
        if "lanes" in state:
            assert tuple(state["columns"][-3:]) == later
            state = state | {"columns": state["columns"][:-3], "lanes": [row[:-3] for row in state["lanes"]]}
            short = state | {"columns": state["columns"][:-1], "lanes": [row[:-1] for row in state["lanes"]]}
        else:
            state = {name: value for name, value in state.items() if name not in later}
            short = {name: value for name, value in state.items() if name != "outcome"}
        again = make()
        again.set_state(state)
        assert again.get_state() == plain.get_state() or "np_random" in state
        with pytest.raises(ValueError, match="state must have the"):
            again.set_state(short)


def test_the_policies_earn_what_is_computed():
    settings = {"endless": True, "max_episode_steps": 80}
    env = gymnasium.make("MemoryEnvs/IMaze-v0", **settings)
    graph = enumerate_states(FiniteIMaze(imaze.configure(**settings)))
    expected = {"optimal": best(graph), "perfect_memory": best(belief_graph(graph))}
    for name, episodes in (("optimal", 10), ("perfect_memory", 40)):
        policy, returns = reference_policy(name, env), []
        for episode in range(episodes):
            observation, _ = env.reset(options={"stream": 1, "episode": episode})
            policy.reset()
            over, total = False, 0.0
            while not over:
                observation, reward, _, over, info = env.step(policy(observation))
                total += reward
            returns.append(total)
            assert info["is_success"]
        error = np.std(returns, ddof=1) / len(returns) ** 0.5
        assert abs(np.mean(returns) - expected[name].episode_return) <= 4 * error + 1e-9, name


def test_the_optimum_is_found_anew_where_a_state_was_set_that_no_walk_leads_to_so_soon():
    env = IMazeEnv(size=5, view_size=1, endless=True, max_episode_steps=60)
    env.reset(seed=0)
    first, policy = env.get_state(), reference_policy("optimal", env)
    total = 0.0
    for _ in range(30):
        total += env.step(policy())[1]
    late = env.get_state()
    env.set_state(first)
    policy()
    env.set_state(late | {"steps": 5, "corridor": late["corridor"], "seen_at": min(late["seen_at"], 5)})
    remaining = sum(env.step(policy())[1] for _ in range(55))
    assert total > 1 and remaining > total


def test_the_panel_counts_right_and_wrong_answers():
    env = IMazeEnv(size=5, view_size=1, endless=True, render_mode="ansi")
    env.reset(seed=0)
    assert "outcome: 0 right, 0 wrong" in env.render() and env.scene().mood == "neutral"
    env.set_state(env.get_state() | {"heading": EAST})
    for action in solution(env.config, imaze.State(*list(env.get_state().values())[3:-1])):
        env.step(action)
    assert "outcome: 1 right, 0 wrong" in env.render() and env.scene().mood == "good"
