"""The object block: what a response names as the things that its answer rests on (Ego3S).

The first `<object>...</object>` counts, split at commas. How it is read on is a matter of flags, since the published
code reads it naively: `unique` drops a name that came before, whatever its case, `cut` shortens a name that is longer
than CLIP can read. Without `cut` one such name leaves the whole list unread, as in the published code.
"""

from dataclasses import dataclass

from firsthand.reward_fns.parts import readable


@dataclass(frozen=True)
class Reading:
    unique: bool = True
    cut: bool = True


PRESETS = {"strict": Reading(), "released": Reading(unique=False, cut=False)}


def named(text: str, reading: Reading = PRESETS["strict"]) -> list[str]:
    inside, closed, _ = text.partition("<object>")[2].partition("</object>")
    names = [name for part in readable(inside if closed else "").split(",") if (name := part.strip())]
    return list({name.casefold(): name for name in reversed(names)}.values())[::-1] if reading.unique else names
