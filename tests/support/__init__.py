"""What tests share: oracles, toys, fakes, small runs, and files and episodes of earlier versions."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
