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
CATEGORIES = {
    "object counting": "Counting",
    "dominant held-object identification": "Identification",
    "object not visible identification": "Identification",
    "animal identification": "Identification",
    "interaction identification": "Identification",
    "action sequence identification": "Identification",
    "special action identification": "Identification",
    "sport identification": "Identification",
    "action temporal localization": "Localization",
    "object spatial localization": "Localization",
    "interaction temporal localization": "Localization",
    "next action prediction": "Prediction",
    "next phase prediction": "Prediction",
    "next interaction prediction": "Prediction",
    "next direction prediction": "Prediction",
}
TYPES = {"".join(word[0] for word in re.split(r"[ -]", name)): name for name in CATEGORIES}  # oc: object counting
_TAGS = re.compile(r"(?:\s*<image>)*")
_FRAME = re.compile(r"frame_(\d+)")
_FOLDER = re.compile(r"(.+)_q\d+")


class Support(Converter):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seen: Counter[str] = Counter()

    def pick(self, row: dict[str, Any], place: Place) -> dict[str, Any]:
        self.seen[row["domain"]] += 1
        return row | {"id": f"{row['domain']}-{self.seen[row['domain']]:02}"}

    def convert(self, row: dict[str, Any], place: Place) -> Solved:
        roles = [turn["role"] for turn in row["messages"]]
        if roles != ["user", "assistant"]:
            raise ValueError(f"the roles are {roles}, not user and assistant")
        user, answer = (turn["content"] for turn in row["messages"])
        domain, frames = row["domain"], _frames(row["images"])
        tags = _TAGS.match(user)
        shown = tags[0].count("<image>") if tags else 0
        if shown != len(frames) or user.count("<image>") != shown:
            raise ValueError(f"{user.count('<image>')} <image> tags for {len(frames)} images")
        question, options = split_text(user[tags.end() if tags else 0 :])
        if not options:
            raise ValueError("no options were found after the question")
        _, dataset, video, *_ = PurePosixPath(frames[0]).parts
        if DOMAINS.get(dataset) != domain:
            raise ValueError(f"{frames[0]} is not a frame of the domain {domain!r}")
        folder = _FOLDER.fullmatch(PurePosixPath(frames[0]).parent.name)
        kind = TYPES.get(folder[1]) if folder else None
        if kind is None:
            self.notes["question type unknown: its folder of frames has another name"] += 1
        asked = Question(
            id=row["id"],
            question=question,
            options=options,
            answer=answer.strip(),
            images=frames,
            times=self._times(frames, dataset),
            style="egocross",
            data_source="egocross",
            split="train",
            labels={
                "domain": domain,
                "dataset": dataset,
                "source_video": video,
                "question_type": kind,
                "primary_category": CATEGORIES[kind] if kind else None,
            },
        )
        return Solved(question=asked)

    def _times(self, frames: list[str], dataset: str) -> list[float]:
        numbers = [int(found[1]) for path in frames if (found := _FRAME.fullmatch(PurePosixPath(path).stem))]
        if len(numbers) != len(frames):
            return [float(index) for index in range(len(frames))]
        if numbers != sorted(set(numbers)):
            self.notes["times unknown: the numbers of the frames do not rise"] += 1
            return []
        return [round((number - numbers[0]) / FPS[dataset], 3) for number in numbers]


class Test(Converter):
    def convert(self, row: dict[str, Any], place: Place) -> Question:
        dataset, frames = row["dataset"], _frames(row["video_path"])
        if dataset not in DOMAINS:
            raise ValueError(f"dataset {dataset!r} is none of {', '.join(DOMAINS)}")
        if any(PurePosixPath(path).parts[:2] != ("egocross_testbed", dataset) for path in frames):
            raise ValueError(f"the frames do not lie in /egocross_testbed/{dataset}/")
        every_second = dataset == "EgoSurgery" or not EVERY_SECOND.isdisjoint(PurePosixPath(frames[0]).parts)
        options = lettered(row["options"])
        if len(options) < 2:
            raise ValueError(f"{len(options)} options")
        return Question(
            id=str(int(row["id"])),
            question=row["question_text"].strip(),
            options=options,
            answer=None,
            images=frames,
            times=[float(index if every_second else 2 * index) for index in range(len(frames))],
            style="egocross",
            data_source="egocross",
            split="test",
            labels={
                "domain": DOMAINS[dataset],
                "dataset": dataset,
                "question_type": row["question_type"],
                "primary_category": row["primary_category"],
            },
        )


def _frames(paths: Any) -> list[str]:
    """Relative paths: the test set writes its own with a slash in front."""
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
        raise ValueError("the frames must be a list of paths")
    return [path.lstrip("/") for path in paths]
