"""Stable-Baselines3's interface around the method: learn, predict, save, load."""
