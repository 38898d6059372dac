"""A grid of presets and seeds: run, collected into small raw data, and drawn from these alone."""
