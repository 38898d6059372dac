"""What memory is worth, as Markdown, from the certificates that ship with the ids."""

from collections.abc import Iterator, Sequence

import memory_envs
from memory_envs.certificate import Bounds, Certificate, Level
from memory_envs.certificate.bounds import EXACT

_LEVELS = {
    "random": "random actions",
    "guessing": "guessing",
    "memoryless": "best memoryless",
    "imitation": "imitation of the optimum",
    "imitation_at_most": "imitation, at most",
    "perfect_memory": "perfect memory",
    "optimum": "optimum",
}
_METRICS = {"success": "Success", "episode_return": "Return"}
_ITALICS = "Numbers in *italics* are not exact; where there are two, the number lies between them."


def tables(env_ids: Sequence[str]) -> str:
    """Return the certificates of some ids: numbers side by side, of what kind they are, and the verdicts."""
    certificates = [found for found in map(_certificate, env_ids) if found]
    missing = sorted(set(env_ids) - {each.id for each in certificates})
    parts = [f"No certificate ships for {', '.join(f'`{each}`' for each in missing)}.\n"] if missing else []
    if certificates:
        parts += [_levels_table(certificates, metric) for metric in _METRICS if _tells(certificates, metric)]
        parts += [_demands_table(certificates), _kinds(certificates), _recipe(certificates[0].id)]
    return "\n".join(parts)


def number(bounds: Bounds) -> str:
    """Return a number; in italics, as an interval if it is one, where it is not exact."""
    ends = dict.fromkeys(f"{end:.4g}" for end in (bounds.lower, bounds.upper))
    text = " to ".join(ends)
    return text if bounds.how == EXACT else f"*{text}*"


def _certificate(env_id: str) -> Certificate | None:
    try:
        return memory_envs.reference(env_id)
    except ValueError:
        return None


def _levels_table(certificates: Sequence[Certificate], metric: str) -> str:
    names = [name for name in _LEVELS if any(getattr(each, name) for each in certificates)]
    head = [_METRICS[metric], *(_LEVELS[name] for name in names)]
    rows = [
        [f"`{each.id}`", *(_cell(getattr(each, name), metric) for name in names)] for each in certificates
    ]
    return _table(head, rows)


def _demands_table(certificates: Sequence[Certificate]) -> str:
    own = "perfect memory"
    head = ["Memory", "bits", f"held by {own} for", f"steps of {own}", "memoryless on the twins", "required"]
    return _table(head, [[f"`{each.id}`", *_demands(each)] for each in certificates])


def _demands(certificate: Certificate) -> Iterator[str]:
    part = "" if certificate.question is None else f" ({certificate.question})"
    yield "" if certificate.question_bits is None else f"{certificate.question_bits:.4g}{part}"
    ends = dict.fromkeys((certificate.held_shortest, certificate.held_longest))
    yield "" if certificate.held_shortest is None else " to ".join(map(str, ends)) + " steps"
    steps = certificate.perfect_memory.steps
    yield "" if steps is None else f"{steps:.1f}"
    yield ", ".join(f"{name} {number(each)}" for name, each in certificate.twins.items())
    yield certificate.verdict


def _kinds(certificates: Sequence[Certificate]) -> str:
    notes: dict[str, list[str]] = {}
    for certificate in certificates:
        for note in dict.fromkeys(_notes(certificate)):
            notes.setdefault(note, []).append(f"`{certificate.id}`")
    exact = not any(bounds.how != EXACT for each in certificates for _, bounds in _bounds(each))
    lines = ["All numbers are exact." if exact else _ITALICS, ""]
    for note, ids in notes.items():
        lines.append(f"- {note}" + ("" if len(ids) == len(certificates) else f" ({', '.join(ids)})"))
    return "\n".join(lines) + "\n"


def _notes(certificate: Certificate) -> Iterator[str]:
    yield f"method: {certificate.method}"
    yield from (f"{label}: {bounds.how}" for label, bounds in _bounds(certificate) if bounds.how != EXACT)
    if certificate.memory_required and not certificate.proved:
        yield f"required: {certificate.reasons[-1]}"


def _bounds(certificate: Certificate) -> Iterator[tuple[str, Bounds]]:
    for name, label in _LEVELS.items():
        level = getattr(certificate, name)
        yield from ((label, getattr(level, metric)) for metric in _METRICS if level)


def _recipe(env_id: str) -> str:
    return (
        f"`memory_envs.reference({env_id!r})` returns these numbers; they are computed again by\n\n"
        f"```\npython -m memory_envs.certificate {env_id}\n```\n"
    )


def _tells(certificates: Sequence[Certificate], metric: str) -> bool:
    return any(getattr(each.optimum, metric).upper > 0 for each in certificates)


def _cell(level: Level | None, metric: str) -> str:
    return "" if level is None else number(getattr(level, metric))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
