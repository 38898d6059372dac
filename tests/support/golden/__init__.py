"""Golden replays: episodes as version 0 plays them, to the bit.

`python -m tests.support.golden` writes those that are missing and never touches one that is there: a rule
that changes is a new version of its ids, with replays of its own.
"""
