"""The rulebooks: each task as plain scalar functions on one lane's state, with no arrays of environments in sight."""
