"""Evaluation of a policy: its returns, its replays, the time of its steps."""
