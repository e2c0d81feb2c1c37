"""The toy week answers for itself: what its truth says happened in the frames that were seen. No model, no network.

It stands where a vision model stands and sees as much: an event is named only if it ends within what was seen; of
one that goes on, only that the thing is held.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from firsthand import clock, files
from firsthand.errors import UserError
from firsthand.tools.backends.base import Answer, Sight

Clip = dict[str, Any]


class OracleBackend:
    settings: dict[str, Any] = {"backend": "oracle"}

    def __init__(self, root: Path | str):
        self._truth = Path(root) / "truth"
        if not self._truth.is_dir():
            raise UserError(f"{self._truth}: no such folder; `firsthand toy build` makes it")
        self._clips = lru_cache(maxsize=16)(self._read)

    async def answer(self, sight: Sight) -> Answer:
        seen = [
            sentence
            for clip in self._clips(sight.source)
            if clip["from"] <= sight.end and sight.start < clip["to"]
            for sentence in shown(clip, sight.start, sight.end)
        ]
        return Answer(" ".join(_about(sight.question, list(dict.fromkeys(seen)))) or "nothing .")

    async def close(self) -> None:
        return None

    def _read(self, source: str) -> list[Clip]:
        clips = files.read_json(self._truth / f"{source}.json")
        for clip in clips:
            clip["from"] = clock.parse(clip["start"])
            clip["to"] = clock.plus(clip["from"], clock.CLIP)
        return clips


def shown(clip: Clip, start: float, end: float) -> list[str]:
    """What a clip shows between two moments, in the sentences of the toy week's captions."""
    room = clip["room"]
    first, second, third, last = clip["table"]
    sentences = [
        f"i am in the {room} .",
        f"on the table i see the {first} , the {second} , the {third} and the {last} .",
    ]
    held = clip["carried"]
    for event in clip["events"]:
        begins, ends = (clock.of_frame(clip["from"], event[edge]) for edge in ("first", "end"))
        if begins > end:
            break
        if start <= ends <= end:
            to = f" to {event['guest']}" if event["guest"] else ""
            sentences.append(f"i {event['verb']} the {event['thing']}{to} in the {room} with my {event['hand']} hand .")
        held = None if ends <= end and event["verb"] in ("put down", "hand over") else event
    if held:
        sentences.append(f"i hold the {held['thing']} in the {room} with my {held['hand']} hand .")
    return sentences


def _about(question: str, sentences: list[str]) -> list[str]:
    """The sentences that share a word with the question; words that all sentences have tell nothing."""
    words = [set(re.findall(r"[a-z]+", sentence)) for sentence in sentences]
    asked = set(re.findall(r"[a-z]+", question.lower())) - _PLAIN
    return [sentence for sentence, its in zip(sentences, words, strict=True) if its & asked] or sentences


_PLAIN = set(re.findall(r"\w+", "i am in the on table see a and with my hand to of is it left right"))
