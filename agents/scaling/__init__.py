"""What the parts of the distributed engine cost on this machine, and the speed that they bound.

Beside the engine rather than in it: to measure, one needs models and environments in Stable-Baselines3's
interface, which engines do not know.
"""
