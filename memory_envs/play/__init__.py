"""Play by keyboard."""
