"""How actor, learner, replay and distiller are wired. An engine owns the clock and nothing else."""
