"""EgoThink: 700 open questions about one picture each, in twelve tasks. The folder of a file is the task."""

from pathlib import PurePosixPath
from typing import Any

from firsthand.data.build.release import NOT_TO_TRAIN_ON, Converter, Hub, Place, Release
from firsthand.question import Question

TASKS = {
    "Activity": 100, "Forecast": 100, "Localization/location": 50, "Localization/spatial": 50, "Object/affordance": 50,
    "Object/attribute": 50, "Object/existence": 50, "Planning/assistance": 50, "Planning/navigation": 50,
    "Reasoning/comparing": 50, "Reasoning/counting": 50, "Reasoning/situated": 50,
}  # fmt: skip


class EgoThink(Converter):
    style, data_source, split = "direct", "egothink", "test"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        folder = PurePosixPath(place.file).parent
        task = folder.relative_to("data").as_posix()
        if len(row["image_path"]) != 1:
            raise ValueError(f"image_path names {len(row['image_path'])} pictures, not one")
        [image] = row["image_path"]
        return self.question(
            f"{task}/{place.row}",
            row["question"],
            answer=str(row["answer"]).strip(),
            images=[f"{folder}/images/{image}"],
            labels={"problem_type": "free-form", "task": task, "image": f"{task}/{image}"},
        )


RELEASES = (
    Release(
        name="egothink",
        about="EgoThink: 700 open questions about one first-person picture each, in twelve tasks",
        converter=EgoThink,
        inputs={"eval": ("data/**/annotations.json",)},
        rows=700,
        counts={"all": 700} | {f"task: {task}": count for task, count in TASKS.items()},
        metrics=("exact", "ROUGE-L", "judge (egothink)"),
        by=("task",),
        licence="Apache-2.0 (annotations), as stated in the owner's repository",
        terms=f"The pictures are Ego4D's. {NOT_TO_TRAIN_ON}",
        home="GitHub AdaCheng/EgoThink, Hugging Face EgoThink/EgoThink",
        hub=Hub("EgoThink/EgoThink"),
        media="in the owner's repository, in images/ beside each annotations.json",
    ),
)
