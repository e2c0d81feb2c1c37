"""EgoPlan-Bench2: what should the wearer do next? The video ends with what the wearer sees now.

`task_progress_metadata` says what was done and when: it is what a model has to see, and stays out. The release has no
question; its words are ours.
"""

from typing import Any

from firsthand.data.build.options import by_letter
from firsthand.data.build.release import EGO4D_TERMS, NOT_TO_TRAIN_ON, Converter, Hub, Place, Release
from firsthand.question import Question

FPS = 30  # of the frame numbers


class EgoPlan2(Converter):
    style, data_source, split, video_files = "direct", "egoplan2", "test", True

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        first, now = (int(row[key]) for key in ("task_start_frame", "current_observation_frame"))
        return self.question(
            row["sample_id"],
            f"The goal of the wearer is: {row['task_goal'].strip()}. The video shows the progress so far, and ends "
            "with what the wearer sees now. Which action is the best next one?",
            options=by_letter([str(row[f"choice_{letter}"]) for letter in "abcd"]),
            answer=row["golden_choice_idx"].strip(),
            video_file=f"videos/{row['sample_id'].rpartition('_')[0]}.mp4",
            span=[first / FPS, (now + 1) / FPS],
            labels={"problem_type": "multiple choice", "domain": row["domain"], "scenario": row["scenario"]},
        )


RELEASES = (
    Release(
        name="egoplan2",
        about="EgoPlan-Bench2: the best next action among four, after a video of what was done",
        converter=EgoPlan2,
        inputs={"eval": ("EgoPlan-Bench2.json", "**/EgoPlan-Bench2.json")},
        rows=1321,
        counts={"all": 1321},
        metrics=("choice",),
        by=("domain", "scenario"),
        terms=f"{EGO4D_TERMS} {NOT_TO_TRAIN_ON}",
        hub=Hub("qiulu66/EgoPlan-Bench2"),
        media="Ego4D v1 at 288p, as videos/<ego4d uid>.mp4",
    ),
)
