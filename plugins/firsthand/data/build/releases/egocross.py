"""EgoCross: the support set (80 rows to learn from) and the test set (957 rows, never to learn from).

A row shows frames of one video, at rates that differ from row to row, and LLaMA-Factory knows one rate a run. So the
frames are images, each with its time in front of it; rows at an even rate are also written as frame lists.

Three facts are not in its files, and were read off the real ones. The number in a frame's name is its clock (CLOCKS):
where a question states the span of its clip, the frames span it. Some rows list their frames out of order. The folder
of the frames names the type of the question in initials that are not the test's, and twice those of another question;
the words of the question tell all types apart.
"""

import re
from collections import Counter
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from firsthand import files
from firsthand.data.build.options import lettered, split_text
from firsthand.data.build.release import Converter, Hub, Place, Release
from firsthand.question import Question, Solved

DOMAINS = {
    "CholecTrack20": "surgery", "EgoSurgery": "surgery", "EgoPet": "animal", "ENIGMA": "industry",
    "ExtrameSportFPV": "xsports",
}  # fmt: skip
EVERY_2_SECONDS, OF_25 = 2.0, 1 / 25
CLOCKS = {  # seconds from a frame number to the next
    "CholecTrack20": OF_25, "EgoPet": OF_25, "ExtrameSportFPV": OF_25, "EgoSurgery": EVERY_2_SECONDS,
    "ENIGMA": None,  # 1 / 30, but the first frame is not the start of the clip that the question counts from
}  # fmt: skip
TEST_CLOCKS = {".jpg": EVERY_2_SECONDS, ".png": OF_25}
TYPES = {  # what only questions of a type say
    "object counting": "how many distinct types",
    "dominant held-object identification": "which tool was",
    "object not visible identification": "not visible",
    "animal identification": "what type of animal",
    "interaction identification": "what object is",
    "action sequence identification": "what sequence of actions",
    "special action identification": "what action is",
    "sport identification": "what extreme sport",
    "action temporal localization": "at what approximate time|approximately at what time",
    "object spatial localization": "in which region of the view",
    "interaction temporal localization": "when does the",
    "next action prediction": "predicted key action",
    "next phase prediction": "which surgical phase",
    "next interaction prediction": "next type of interaction",
    "next direction prediction": "next direction",
}
_NUMBER = re.compile(r"(?<!\d)(\d+)\.\w+\Z")


class Support(Converter):
    style, data_source = "egocross", "egocross"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seen: Counter[str] = Counter()

    def pick(self, row: dict[str, Any], place: Place) -> dict[str, Any]:
        self.seen[row["domain"]] += 1
        return row | {"id": f"{row['domain']}-{self.seen[row['domain']]:02}"}

    def convert(self, row: dict[str, Any], place: Place) -> Solved:
        domain, frames = row["domain"], _frames(row["images"])
        text, answer = _turns(row["messages"], len(frames))
        question, options = split_text(text)
        if not options:
            raise ValueError("no options were found after the question")
        _, dataset, video, *_ = PurePosixPath(frames[0]).parts
        if DOMAINS.get(dataset) != domain:
            raise ValueError(f"{frames[0]} is not a frame of the domain {domain!r}")
        kind = type_of(question)
        if kind is None:
            self.notes["question type unknown: its words fit no type"] += 1
        labels = {"domain": domain, "dataset": dataset, "source_video": video, "question_type": kind}
        images, times = _in_order(frames, CLOCKS[dataset])
        asked = self.question(
            row["id"],
            question,
            options=options,
            answer=answer,
            images=images,
            times=times,
            labels={**labels, "primary_category": kind.rsplit(" ", 1)[1].capitalize() if kind else None},
        )
        return Solved(question=asked)


class Test(Converter):
    style, data_source, split = "egocross", "egocross", "test"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        dataset, frames = row["dataset"], _frames(row["video_path"])
        if dataset not in DOMAINS:
            raise ValueError(f"dataset {dataset!r} is not one of {', '.join(DOMAINS)}")
        if any(PurePosixPath(path).parts[:2] != ("egocross_testbed", dataset) for path in frames):
            raise ValueError(f"the frames do not lie in /egocross_testbed/{dataset}/")
        options = lettered(row["options"])
        if len(options) < 2:
            raise ValueError(f"{len(options)} options")
        clock = TEST_CLOCKS.get(PurePosixPath(frames[0]).suffix)
        if clock is None:
            raise ValueError(f"{frames[0]}: the clock of such files is not known, only of {', '.join(TEST_CLOCKS)}")
        images, times = _in_order(frames, clock)
        labels = {"domain": DOMAINS[dataset], "dataset": dataset}
        return self.question(
            int(row["id"]),
            row["question_text"],
            options=options,
            answer=None,
            images=images,
            times=times,
            labels={**labels, **{key: row[key] for key in ("question_type", "primary_category")}},
        )


class OpenTest(Test):
    """The same questions without their options. Answers come from the owner's file of them, if it lies there."""

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        question = super().convert(row, place)
        if not (answer := self._answers.get(question.id)):
            self.notes["no answer in egocross_testbed_answers.json: asked, and not scored"] += 1
        labels = {**question.labels, "problem_type": "free-form"}
        return question.model_copy(update={"options": {}, "answer": answer, "labels": labels, "style": "direct"})

    @cached_property
    def _answers(self) -> dict[str, str]:
        path = self.root / "egocross_testbed/egocross_testbed_answers.json"
        rows = files.read_json(path) if path.is_file() else []
        listed = [{"id": key, **row} for key, row in rows.items()] if isinstance(rows, dict) else rows
        return {str(row["id"]): str(row["answer_text"]).strip() for row in listed}


def _turns(messages: list[dict[str, str]], images: int) -> tuple[str, str]:
    """The question without its tags, which must all stand before it, and the answer."""
    roles = [turn["role"] for turn in messages]
    if roles != ["user", "assistant"]:
        raise ValueError(f"the roles are {roles}, not user and assistant")
    user, answer = (turn["content"] for turn in messages)
    text = re.sub(r"\A(?:\s*<image>)*", "", user)
    tags = user.count("<image>")
    if tags != images or "<image>" in text:
        raise ValueError(f"{tags} <image> tags for {images} images")
    return text, answer.strip()


def _frames(paths: Any) -> list[str]:
    """Relative paths: the test set writes its own with a slash in front."""
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
        raise ValueError("the frames must be a list of paths")
    return [path.lstrip("/") for path in paths]


def type_of(question: str) -> str | None:
    """The one type that its words say."""
    found = [kind for kind, words in TYPES.items() if re.search(words, question.lower())]
    return found[0] if len(found) == 1 else None


def _in_order(frames: list[str], clock: float | None) -> tuple[list[str], list[float]]:
    """The frames as they were filmed, and when, counted from the first one: no times without a clock."""
    numbers = {path: int(found[1]) for path in frames if (found := _NUMBER.search(path))}
    if len(numbers) != len(frames) or len(set(numbers.values())) != len(frames):
        raise ValueError("the frames do not all have a number of their own at the end of their names")
    images = sorted(frames, key=numbers.__getitem__)
    first = numbers[images[0]]
    return images, [round((numbers[path] - first) * clock, 3) for path in images] if clock else []


RELEASES = (
    Release(
        name="egocross_open",
        family="egocross_test",
        about="EgoCross, test set, its questions without options; never to learn from",
        converter=OpenTest,
        inputs={"eval": ("egocross_testbed/egocross_testbed_imgs.json",)},
        rows=957,
        counts={"all": 957},
        metrics=("exact", "ROUGE-L", "judge (egocross)"),
        by=("domain", "primary_category", "question_type"),
        licence="cc-by-nc-4.0 (the card lists cc-by-sa-4.0 too: taken as non-commercial)",
        terms="For research. The test answers are public with the request not to train on them.",
        home="Hugging Face myuniverse/EgoCross (ask for access there first)",
        hub=Hub("myuniverse/EgoCross"),
        media="in the release",
    ),
)
