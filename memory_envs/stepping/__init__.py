"""From a rulebook to environments: compiled loops, one lane, many lanes."""
