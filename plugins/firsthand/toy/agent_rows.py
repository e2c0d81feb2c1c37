"""Questions for an agent with tools: the memory questions of a week that its written records can answer.

The week also asks what was used last and what happened most often. Its summaries keep neither uses nor counts, so a
search cannot answer these questions, and they are left aside. The short system prompt is for models with little room; a
model of full size takes the rows of `firsthand data build ego_r1`, whose questions are the same.
"""

from collections import Counter
from pathlib import Path

from firsthand import files
from firsthand.data.build.releases.ego_qa import evidence, question_of
from firsthand.errors import UserError
from firsthand.question import Question, Split
from firsthand.rollout import prompt
from firsthand.toy.rows import Written, write_verl_rows
from firsthand.toy.week import folder
from firsthand.toy.week.splits import SPLITS

ASKS = ("TaskMaster", "RelationMap")  # types that ask where a thing was put down, to whom it was handed over


def build_agent_rows(week: Path) -> Written:
    """The rows of every split. Those of `train` are divided once more, half of the people for SFT and half for GRPO, so
    that GRPO asks nothing that SFT has seen answered."""
    by_split, aside = agent_questions(folder.load(week))
    if empty := [split for split, questions in by_split.items() if not questions]:
        raise UserError(f"{week}: no memory questions for {', '.join(empty)}; build a week with more clips or days")
    taught, reinforced = shared_out(by_split["train"])
    for split, questions in by_split.items():
        files.write_jsonl(week / f"agent_{split}.jsonl", map(prompt.eval_row, questions))
        write_verl_rows(week / f"agent_grpo_{split}.parquet", reinforced if split == "train" else questions)
    files.write_jsonl(week / "agent_sft.jsonl", map(prompt.eval_row, taught))
    return Written({split: len(questions) for split, questions in by_split.items()}, aside)


def shared_out(questions: list[Question]) -> tuple[list[Question], list[Question]]:
    """The questions of the first half of the people, and those of the others."""
    people = sorted({question.identity or "" for question in questions})
    first = set(people[: len(people) // 2])
    return [q for q in questions if q.identity in first], [q for q in questions if q.identity not in first]


def agent_questions(built: folder.Folder) -> tuple[dict[Split, list[Question]], dict[str, int]]:
    """Questions by split, and what was left out and why."""
    split_of = built.split_of()
    by_split: dict[Split, list[Question]] = {split: [] for split in SPLITS}
    aside: Counter[str] = Counter()
    for row in built.all_questions():
        if row["answerable_from"] != "memory":
            aside["questions that need no memory"] += 1
        elif row["type"] not in ASKS:
            aside[f"{row['type']}: no summary of the memory keeps it"] += 1
        else:
            split = split_of[row["ID"]]
            by_split[split].append(_question(row, split))
    return by_split, dict(aside)


def _question(row: folder.Row, split: Split) -> Question:
    return question_of(
        row,
        id=row["ID"],
        style="ego_r1_brief",
        data_source="toy_agent",
        split=split,
        labels=evidence(row),
    )
