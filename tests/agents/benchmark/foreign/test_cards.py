"""POPGym's card games: their rules on paper, and beside POPGym itself where it is installed."""

import warnings

import numpy as np
import pytest

from agents.benchmark.foreign.cards import Autoencode, CountRecall, RepeatPrevious


def begun(game, cards, **more):
    """A game in which these cards are dealt."""
    game.reset(seed=0)
    for name, value in {"cards": cards, **more}.items():
        setattr(game, name, np.array(value))
    return game


def rewards(game, actions):
    return [game.step(action)[1] for action in actions]


def test_repeat_previous_asks_for_the_card_three_before_the_one_on_the_table():
    cards = np.resize([0, 1, 2, 3, 3], 52)
    game = begun(RepeatPrevious(1, 4), cards)
    # Dealt are 0, then 1, 2, 3 (the first question: 0), 3 (1), 0 (2), 1 (3).
    assert [int(game.step(action)[0]) for action in (0, 0, 0)] == [1, 2, 3]
    assert rewards(game, [0, 1, 0, 3]) == [1 / 48, 1 / 48, -1 / 48, 1 / 48]


@pytest.mark.parametrize(("decks", "k", "steps"), [(1, 4, 51), (2, 32, 103), (3, 64, 155)])
def test_repeat_previous_is_worth_one_with_memory_and_minus_one_without_luck(decks, k, steps):
    for offset, worth in ((0, 1.0), (1, -1.0)):
        game = RepeatPrevious(decks, k)
        seen, earned, ended = [int(game.reset(seed=3)[0])], [], False
        while not ended:
            answer = seen[-k] if len(seen) >= k else 0
            observation, reward, ended, truncated, info = game.step((answer + offset) % 4)
            seen.append(int(observation))
            earned.append(reward)
        assert len(earned) == steps and sum(earned) == pytest.approx(worth) and not truncated and info == {}
        assert earned[: k - 1] == [0.0] * (k - 1) and 0.0 not in earned[k - 1 :]
        assert np.bincount(seen).tolist() == [13 * decks] * 4


def test_autoencode_shows_the_deck_and_asks_for_it_backwards():
    game = begun(Autoencode(1), np.resize([0, 1, 2, 3, 3], 52))
    shown = [game.step(0) for _ in range(51)]
    assert [list(map(int, observation)) for observation, *_ in shown[:4]] == [[1, 1], [1, 2], [1, 3], [1, 3]]
    assert list(shown[-1][0]) == [0, 1]  # the last card, with the sign to begin
    assert {reward for _, reward, *_ in shown} == {0.0}
    # The last cards are ..., 0, 1; backwards 1, 0, 3, 3.
    observation, *_ = game.step(1)
    assert list(observation) == [0, 0]
    assert rewards(game, [0, 3, 2]) == [1 / 52, 1 / 52, -1 / 52]


def test_autoencode_is_worth_one_with_memory():
    game = Autoencode(2)
    seen, earned, ended = [int(game.reset(seed=1)[0][1])], [], False
    while not ended:
        watching = len(earned) < 103
        (_, suit), reward, ended, *_ = game.step(0 if watching else seen.pop())
        if watching:
            seen.append(int(suit))
        earned.append(reward)
    assert len(earned) == 207 and sum(earned) == pytest.approx(1.0)


def test_count_recall_counts_the_card_on_the_table_with_the_others():
    cards, queries = np.resize([0, 0, 1], 52), np.resize([0, 0, 1, 1], 52)
    game = begun(CountRecall(1, "colours"), cards, queries=queries)
    observation, reward, *_ = game.step(1)  # one 0 so far
    assert list(observation) == [0, 0] and reward == 1 / 51
    assert rewards(game, [2, 2, 1]) == [1 / 51, -1 / 51, 1 / 51]  # two of 0; one of 1, not two; still one


@pytest.mark.parametrize(
    ("decks", "kind", "kinds", "most"), [(1, "colours", 2, 26), (2, "suits", 4, 26), (4, "ranks", 13, 16)]
)
def test_count_recall_is_worth_one_to_who_counts(decks, kind, kinds, most):
    game = CountRecall(decks, kind)
    assert (game.observation_space.nvec.tolist(), game.action_space.n) == ([kinds, kinds], most + 1)
    (card, query), counts, earned, ended = game.reset(seed=2)[0], [0] * kinds, [], False
    while not ended:
        counts[card] += 1
        (card, query), reward, ended, _, info = game.step(counts[query])
        earned.append(reward)
        assert info == {}
    assert len(earned) == 52 * decks - 1 and sum(earned) == pytest.approx(1.0)


def test_what_cannot_be_dealt_is_refused():
    with pytest.raises(ValueError, match="k must be from 1 to 51, got 52"):
        RepeatPrevious(1, 52)
    with pytest.raises(ValueError, match="decks must be at least 1, got 0"):
        Autoencode(0)
    with pytest.raises(ValueError, match="kind must be one of colours, suits, ranks, got 'colors'"):
        CountRecall(1, "colors")


def _theirs(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(pytest.importorskip("popgym").envs, name)()


# The piles of POPGym's Deck are dealt from their end.
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("RepeatPreviousEasy", RepeatPrevious(1, 4)),
        ("RepeatPreviousMedium", RepeatPrevious(2, 32)),
        ("RepeatPreviousHard", RepeatPrevious(3, 64)),
        ("AutoencodeEasy", Autoencode(1)),
        ("CountRecallEasy", CountRecall(1, "colours")),
        ("CountRecallMedium", CountRecall(2, "suits")),
        ("CountRecallHard", CountRecall(4, "ranks")),
    ],
)
def test_popgym_deals_and_pays_the_same(name, ours):
    theirs, generator = _theirs(name), np.random.default_rng(0)
    seen, _ = theirs.reset(seed=5)
    if name.startswith("CountRecall"):
        piles = {
            "cards": theirs.deck_idx_type[theirs.value_deck.idx[::-1]],
            "queries": theirs.deck_idx_type[theirs.query_deck.idx[::-1]],
        }
    else:
        piles = {"cards": theirs.deck.suits_idx[theirs.deck.idx[::-1]]}
    begun(ours, **piles)
    assert theirs.action_space.n == ours.action_space.n
    ended = False
    while not ended:
        action = int(generator.integers(ours.action_space.n))
        expected, worth, ended, *_ = theirs.step(action)
        observation, reward, over, *_ = ours.step(action)
        assert np.array_equal(observation, expected) and (over, reward) == (ended, pytest.approx(worth))
