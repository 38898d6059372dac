"""Distributions of actions: what the numbers that a policy says stand for."""
