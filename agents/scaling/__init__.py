"""What the distributed engine can do on machines that are not here: measured costs, a bound, a simulation.

Beside the engine rather than in it: to measure, one needs models and environments in Stable-Baselines3's
interface, which engines do not know.
"""
