"""Counter-based randomness: an episode is a pure function of (stream, episode number).

No generator state is carried. Whoever knows a stream and an episode number can recreate that episode without
playing the ones before it, which is what makes lanes, single environments and replays agree.

Every function is exact both in Python's integers and in compiled 64-bit integers: words are unsigned 32-bit
numbers kept in signed 64-bit ones, and both multipliers are below 2**31, so no product reaches 2**63.
"""

from memory_envs.rules import rule

STREAM_LIMIT = 2**53
"""Streams are integers in [0, STREAM_LIMIT): the range that JSON readers of every language keep exact."""

_WORD = 0xFFFFFFFF


@rule
def mix(word: int) -> int:
    """Scramble a 32-bit word: a bijection in which each input bit flips about half of the output bits.

    Source: the two-round xorshift-multiply mixer with the constants (15, 0x2c1b3c6d, 12, 0x297a2d39, 15)
    that C. Wellons' hash-prospector found (https://github.com/skeeto/hash-prospector).
    """
    word = ((word ^ (word >> 15)) * 0x2C1B3C6D) & _WORD
    word = ((word ^ (word >> 12)) * 0x297A2D39) & _WORD
    return word ^ (word >> 15)


@rule
def episode_key(stream: int, episode: int) -> int:
    """Return the 32-bit key of one episode of a stream.

    The episode number is absorbed first. Were the 53 bits of the stream folded into 32 first, two streams
    whose folds agree would share every episode; this way a collision costs them one.

    Args:
        stream: Which sequence of episodes, in [0, STREAM_LIMIT).
        episode: Position in that sequence, from 0; only its low 32 bits count.
    """
    key = mix((episode + 0x9E3779B9) & _WORD)
    key = mix(key ^ (stream & _WORD))
    return mix((key + (stream >> 32)) & _WORD)


@rule
def draw(key: int, counter: int, n: int) -> int:
    """Return the `counter`-th number of an episode, uniform on the integers [0, n), for n < 2**31.

    Multiply-shift instead of a remainder: the probability of each result is off by less than 2**-32, a
    relative bias of at most n / 2**32.
    """
    word = mix(key ^ mix((counter + 0x85EBCA6B) & _WORD))
    return (word * n) >> 32


@rule
def draw_order(key: int, counter: int, n: int) -> int:
    """Draw an order of the integers [0, n), n at most 8, each order with equal probability.

    It uses the counters from `counter` to `counter` + n - 1.

    Returns:
        Digits to the base 8, from the lowest on: digit p is the integer at position p.
    """
    order, left = 0, (1 << n) - 1
    for position in range(n):
        member = nth_member(left, draw(key, counter + position, n - position))
        order |= member << (3 * position)
        left ^= 1 << member
    return order


@rule
def nth_member(members: int, n: int) -> int:
    """Return the position of the n-th lowest bit that is set, n from 0."""
    member = 0
    while n > 0 or (members >> member) & 1 == 0:
        n -= (members >> member) & 1
        member += 1
    return member
