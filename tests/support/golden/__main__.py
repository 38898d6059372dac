"""Write the golden replays that are missing."""

import json

import numpy as np

from memory_envs.rendering.sprites import sprite_table
from memory_envs.replay import Replay
from tests.support.golden.episodes import DIGESTS, LOOKS, SPRITES, digest, episodes, recorded


def main() -> None:
    """Record the episodes that have no file yet, and add their digests."""
    digests = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    for episode in episodes():
        if not episode.path.exists():
            recorded(episode).save(episode.path)
            digests[episode.name] = digest(Replay.load(episode.path))
            print(f"wrote {episode.path.name}")
    DIGESTS.write_text(json.dumps(digests, indent=2, sort_keys=True) + "\n")
    if not SPRITES.exists():
        np.savez_compressed(SPRITES, **{name: sprite_table(looks, 12) for name, looks in LOOKS.items()})
        print(f"wrote {SPRITES.name}")


if __name__ == "__main__":
    main()
