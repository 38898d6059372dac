"""A training run: its options, its folder, its log, and what is made of it at the end."""
