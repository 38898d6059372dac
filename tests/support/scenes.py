"""States to look at, and what is to be found in their pictures."""

from memory_envs.imaze import scene as imaze_scene
from memory_envs.meta_fetch import scene as meta_fetch_scene
from memory_envs.rules import imaze, meta_fetch


def scene_at(row=1, column=1, heading=0, cue=0, **fields):
    """The scene of a state of I-Maze."""
    config = imaze.configure(
        **{name: fields.pop(name) for name in ("observability", "delay") if name in fields}
    )
    start = imaze.State(row, column, heading, cue, steps=0, seen_at=-1, sight=0, hold=0, outcome=0)
    return imaze_scene(config, start._replace(**fields))


def fetch_scene(key=7, observability="partial", num_objects=3, **fields):
    """The scene of a first state of Meta-Fetch with some fields changed."""
    config = meta_fetch.configure(observability=observability, num_objects=num_objects)
    return meta_fetch_scene(config, meta_fetch.begin(config, key)._replace(**fields))


def fact(scene, name):
    """The fact of this name."""
    return next(each for each in scene.facts if each.name == name)
