"""Recurrent networks with one interface: (inputs, state, is_first) -> (outputs, state)."""
