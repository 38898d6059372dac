"""A training run: what is asked for, the folder it leaves, and how it goes on."""
