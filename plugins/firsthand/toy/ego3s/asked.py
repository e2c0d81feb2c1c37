"""Every question of a week for Ego3S, with the clip that is shown with it.

As in real pools each question comes with a video, also those that need none: a question about the prior with the clip
that ends as it is asked, a question about the past with the last clip before it. Both show a moment at which hands rest
if there is one, and nothing in them answers the question.
"""

import random
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from firsthand import clock
from firsthand.data.build.releases.ego_qa import question_of
from firsthand.errors import UserError
from firsthand.question import Question, Split
from firsthand.toy.ego3s.drafts import held_drafts, order_drafts
from firsthand.toy.frames import FPS, SPAN, numbers_at, stored
from firsthand.toy.week.folder import Folder, Row
from firsthand.toy.week.plan import FRAMES, Clip
from firsthand.toy.week.questions import with_letters
from firsthand.toy.week.splits import blocks
from firsthand.toy.week.world import State

Medium = Literal["image", "video"]
LABELS = ("prior", "scene", "interaction", "memory", "order")
KINDS = {"which room am i in ?": "room", "which thing lies on the table ?": "table"}


@dataclass(frozen=True)
class Asked:
    """A question that is shown with some frames of a clip."""

    row: Row  # in the week's schema
    kind: str
    split: Split
    clip: Clip
    moment: float  # seconds into the clip

    @property
    def label(self) -> str:
        return self.row["answerable_from"]

    @property
    def media(self) -> tuple[Medium, ...]:
        return ("video",) if self.label == "order" else ("image", "video")

    @property
    def state(self) -> State:
        return self.clip.state(numbers_at(self.moment, (0.0,))[0])

    @property
    def held(self) -> str | None:
        return self.state.thing if self.label in ("interaction", "order") else None

    def name(self, medium: Medium | None) -> str:
        """The id of its row."""
        return f"{self.row['ID']}_{medium or 'alone'}"

    def numbers(self, medium: Medium) -> list[int]:
        return numbers_at(self.moment, SPAN if medium == "video" else (0.0,))

    def question(self, built: Folder, medium: Medium | None) -> Question:
        """What is held stands in the labels: rewards and scores read it, no prompt shows it. Without a medium it is the
        question alone."""
        paths = stored(built.out, self.clip.video, self.numbers(medium)) if medium else []
        media: dict[str, Any] = {"video": paths, "fps": FPS} if medium == "video" else {"images": paths}
        return question_of(
            self.row,
            id=self.name(medium),
            data_source="toy_ego3s",
            style="ego3s_brief",
            split=self.split,
            labels={"kind": self.kind, "held": self.held},
            **media,
        )


def all_asked(built: Folder, seed: int) -> dict[Split, list[Asked]]:
    """By split: the week's own questions, and as many questions on order, and on the thing in the hand, as the week has
    on interactions."""
    found: dict[Split, list[Asked]] = {}
    clips = {clip.video: clip for clip in built.all_clips()}
    for block in blocks(built.size):
        rng = random.Random(f"{seed} ego3s {block}")
        own = block.clips(built.clips)
        rows = [row for row in built.questions[block.identity] if block.has(clock.from_question(row["query_time"]))]
        wanted = sum(row["answerable_from"] == "interaction" for row in rows)
        asked = found.setdefault(block.split, [])
        asked += [_of_week(row, block.split, clips, own, rng) for row in rows]
        asked += _drawn(own, block.identity, block.split, wanted, rng)
    return found


def _of_week(row: Row, split: Split, clips: dict[str, Clip], own: list[Clip], rng: random.Random) -> Asked:
    if "clip" in row:
        kind = KINDS.get(row["question"], "which thing")
        return Asked(row, kind, split, clips[row["clip"]], row["moment"])
    kind = "memory" if row["answerable_from"] == "memory" else "colour" if "colour" in row["question"] else "home"
    query = clock.from_question(row["query_time"])
    before = [clip for clip in own if clip.end <= query]
    if not before:
        raise UserError(f"question {row['ID']}: no clip ends before it; build the week again")
    clip = max(before, key=lambda clip: clip.end)
    return Asked(row, kind, split, clip, _rest(clip, rng))


def _rest(clip: Clip, rng: random.Random) -> float:
    """A moment at which hands rest in all frames that are shown, or any, where they never do."""
    moments = [frame / clock.FPS for frame in range(clock.FPS, FRAMES - clock.FPS, 5)]
    resting = [moment for moment in moments if not any(clip.state(n).verb for n in numbers_at(moment))]
    return rng.choice(resting or moments)


def _drawn(own: list[Clip], identity: str, split: Split, wanted: int, rng: random.Random) -> list[Asked]:
    clips, asked = {clip.video: clip for clip in own}, []
    for sign, drafts in (("o", order_drafts(own, rng)), ("h", held_drafts(own, rng))):
        drawn = list(islice(drafts, wanted // 2 * 2))  # they come in pairs, of which both are equally common
        for number, (draft, letter, others) in enumerate(with_letters(drawn, rng), 1):
            row = draft.row(f"{identity}_{split}_{sign}{number:04d}", identity, letter, others)
            asked.append(Asked(row, draft.kind, split, clips[row["clip"]], row["moment"]))
    return asked
