"""The rows of the toy week, and the rewards of the recipes that learn from them: right answers are paid, no others."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from firsthand.data.build.releases.ego_qa import question_of
from firsthand.files import read_json, read_yaml, write_jsonl
from firsthand.question import Question
from firsthand.recipe.kind import detect
from firsthand.rewards import function
from firsthand.rewards.validate import validate
from firsthand.rollout.prompt import verl_row
from firsthand.toy import order_rows
from firsthand.toy.agent_rows import agent_questions
from firsthand.toy.ego3s.asked import Asked, all_asked
from firsthand.toy.week.folder import Folder
from firsthand.toy.week.plan import Size

ROOT = Path(__file__).parents[2]
SIZE = Size(people=3, days=3, sessions=4, clips=4, questions=60)


@pytest.fixture(scope="module")
def rows(in_memory, tmp_path_factory) -> dict[str, Path]:
    """Name of a file of rows -> its questions without their frames."""
    week: Folder = in_memory(SIZE)
    seen = [row for row in week.all_questions() if row["answerable_from"] != "memory"]
    order = order_rows._rows(week, 0)["train"]
    asked = all_asked(week, 0)["train"]
    agents = [question for questions in agent_questions(week)[0].values() for question in questions]
    out = tmp_path_factory.mktemp("rows")
    return {
        "datasets/toy/choice_grpo_train.parquet": write(out / "choice.jsonl", map(of_row, seen)),
        "datasets/toy_order/order_grpo_train.parquet": write(out / "order.jsonl", map(of_row, order)),
        "datasets/toy_ego3s/ego3s_grpo_train.parquet": write(out / "ego3s.jsonl", map(of_asked, asked)),
        "datasets/toy_agent/agent_grpo_train.parquet": write(out / "agent.jsonl", agents),
    }


def of_row(row: dict) -> Question:
    return question_of(row, id=row["ID"], data_source="toy", split="train")


def of_asked(one: Asked) -> Question:
    own = {"id": one.name("video"), "data_source": "toy_ego3s", "style": "ego3s_brief", "split": "train"}
    return question_of(one.row, **own, labels={"kind": one.kind, "held": one.held})


def write(path: Path, questions: Iterable[Question]) -> Path:
    write_jsonl(path, [verl_row(question, number) for number, question in enumerate(questions)])
    return path


def recipes() -> Iterator[Path]:
    for path in sorted((ROOT / "recipes").rglob("*.yaml")):
        if (path.name.startswith("tiny_") or path.parent.name == "toy") and detect(read_yaml(path)) == "verl":
            yield path.relative_to(ROOT)


def test_every_tiny_recipe_pays_the_rows_of_its_week(rows: dict[str, Path], monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    tried = set()
    for recipe in recipes():
        chain, reward = function.of_recipe(recipe)
        for name in chain.paths("data.train_files"):
            if file := rows.get(name):
                seen = validate(file, reward, chain.get(function.LOOP))
                assert (seen.count, seen.unreadable.count) == (0, 0), (recipe, seen.problems[:1])
                assert seen.rows["multiple choice"] >= 20, recipe
                tried.add(name)
    assert tried == rows.keys()


def test_every_registered_data_set_of_the_toy_week_that_reinforcement_knows_is_tried(rows: dict[str, Path]) -> None:
    """Drills of base models are no questions. What Ego3S pays needs a text tower, and is tried beside it."""
    registered = {Path(entry["file_name"]).parent for entry in read_json(ROOT / "dataset_info.json").values()}
    toy = {folder for folder in registered if folder.name.startswith("toy")} - {
        Path("datasets/toy_base"),
        Path("datasets/toy_ego3s"),
    }
    assert toy <= {Path(name).parent for name in rows}
