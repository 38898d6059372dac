"""How well a policy does, and what its steps cost."""
