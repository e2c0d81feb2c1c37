"""EgoCross: the support set (80 rows to learn from) and the test set (957 rows, never to learn from).

A row shows frames of one video, at rates that differ from row to row, and LLaMA-Factory knows one rate a run. So the
frames are images, each with its time in front of it; rows at an even rate are also written as frame lists.

Facts that the release does not say in its files, and that were read off them: a frame of the support set carries its
number in the original video; a test row has a frame every two seconds, but one a second in EgoSurgery and in two videos
of CholecTrack20. Frames of EgoSurgery in the support set are taken to be a second apart (not verified).
"""

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from firsthand.data.build.options import lettered, split_text
from firsthand.data.build.release import Converter, Place
from firsthand.question import Question, Solved

FPS = {"CholecTrack20": 25.0, "EgoSurgery": 25.0, "EgoPet": 30.0, "ENIGMA": 30.0, "ExtrameSportFPV": 30.0}
DOMAINS = {
    "CholecTrack20": "surgery", "EgoSurgery": "surgery", "EgoPet": "animal", "ENIGMA": "industry",
    "ExtrameSportFPV": "xsports",
}  # fmt: skip
EVERY_SECOND = {"VID25", "VID111"}  # videos of CholecTrack20
_ASKED = {
    "Counting": "object",
    "Identification": "dominant held-object, object not visible, animal, interaction, action sequence, "
    "special action, sport",
    "Localization": "action temporal, object spatial, interaction temporal",
    "Prediction": "next action, next phase, next interaction, next direction",
}
CATEGORIES = {f"{what} {category.lower()}": category for category in _ASKED for what in _ASKED[category].split(", ")}
TYPES = {"".join(word[0] for word in re.split(r"[ -]", name)): name for name in CATEGORIES}  # oc: object counting
_FRAME = re.compile(r"frame_(\d+)")
_FOLDER = re.compile(r"(.+)_q\d+")


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
        kind = self._kind(frames[0])
        labels = {"domain": domain, "dataset": dataset, "source_video": video, "question_type": kind}
        asked = self.question(
            row["id"],
            question,
            options=options,
            answer=answer,
            images=frames,
            times=self._times(frames, dataset),
            labels={**labels, "primary_category": CATEGORIES[kind] if kind else None},
        )
        return Solved(question=asked)

    def _kind(self, frame: str) -> str | None:
        folder = _FOLDER.fullmatch(PurePosixPath(frame).parent.name)
        kind = TYPES.get(folder[1]) if folder else None
        if kind is None:
            self.notes["question type unknown: its folder of frames has another name"] += 1
        return kind

    def _times(self, frames: list[str], dataset: str) -> list[float]:
        numbers = [int(found[1]) for path in frames if (found := _FRAME.fullmatch(PurePosixPath(path).stem))]
        if len(numbers) != len(frames):
            return [float(index) for index in range(len(frames))]
        if numbers != sorted(set(numbers)):
            self.notes["times unknown: the numbers of the frames do not rise"] += 1
            return []
        return [round((number - numbers[0]) / FPS[dataset], 3) for number in numbers]


class Test(Converter):
    style, data_source, split = "egocross", "egocross", "test"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        dataset, frames = row["dataset"], _frames(row["video_path"])
        if dataset not in DOMAINS:
            raise ValueError(f"dataset {dataset!r} is not one of {', '.join(DOMAINS)}")
        if any(PurePosixPath(path).parts[:2] != ("egocross_testbed", dataset) for path in frames):
            raise ValueError(f"the frames do not lie in /egocross_testbed/{dataset}/")
        every_second = dataset == "EgoSurgery" or not EVERY_SECOND.isdisjoint(PurePosixPath(frames[0]).parts)
        options = lettered(row["options"])
        if len(options) < 2:
            raise ValueError(f"{len(options)} options")
        labels = {"domain": DOMAINS[dataset], "dataset": dataset}
        return self.question(
            int(row["id"]),
            row["question_text"],
            options=options,
            answer=None,
            images=frames,
            times=[float(index if every_second else 2 * index) for index in range(len(frames))],
            labels={**labels, **{key: row[key] for key in ("question_type", "primary_category")}},
        )


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
