"""Rows for Ego3S: each with a clip and its true region, no truth in a prompt, a pool that needs little video."""

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from firsthand.reward_fns.objects import named

from firsthand import clock, files
from firsthand.answers import has_format
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.selection import region_file
from firsthand.toy.ego3s import rows as ego3s_rows
from firsthand.toy.ego3s.asked import LABELS, all_asked
from firsthand.toy.ego3s.teacher import trace
from firsthand.toy.week import folder, world
from firsthand.toy.week.build import build
from firsthand.toy.week.plan import Size

SIZE = Size(people=2, days=2, sessions=2, clips=4, questions=40)


@pytest.fixture(scope="module")
def week(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("ego3s") / "week"
    build(out, SIZE)
    ego3s_rows.build_rows(out, 0.35, 20, 0, lambda done, total: None)
    return out


@pytest.fixture(scope="module")
def asked(week):
    """By the id of the row, in each medium."""
    found = all_asked(folder.load(week), 0)
    return {f"{one.row['ID']}_{medium}": (one, medium) for own in found.values() for one in own for medium in one.media}


def pool(week: Path) -> list[dict]:
    return pq.read_table(week / "ego3s_grpo_train.parquet").to_pylist()


def held_out(week: Path) -> list[dict]:
    return list(files.read_jsonl(week / "ego3s_test.jsonl"))


def frames_of(row: dict) -> list[str]:
    return row.get("video") or row.get("images") or []


def test_every_question_comes_with_a_picture_or_a_video_from_before_it_is_asked(week):
    rows = held_out(week)
    assert {row["label"] for row in rows} == set(LABELS)
    for row in rows:
        assert len(frames_of(row)) in (1, 4)
        for path in frames_of(row):
            assert (week / path).is_file()
            day, *_, start, number = Path(path).stem.split("_")
            assert clock.parse(f"{day}_{start}") + int(number) / clock.FPS <= clock.parse(row["query_time"])


def test_regions_are_the_boxes_of_the_week_and_around_both_hands_where_they_rest(week):
    regions = region_file.read(week / "ego3s_regions.jsonl")
    met = resting = 0
    for row in held_out(week):
        region = regions[row["id"]]
        assert region.frames == tuple(range(len(frames_of(row)))) and region.size == (128, 96)
        for path, box in zip(frames_of(row), region.boxes, strict=True):
            clip, _, number = Path(path).stem.rpartition("_")
            [arrays] = week.glob(f"boxes/*/*/{clip}.npz")
            boxes = {key: value[int(number)] for key, value in np.load(arrays).items()}
            if boxes["interaction"][0] >= 0:
                assert list(box) == boxes["interaction"].tolist()
                met += 1
            else:
                left, right = boxes["left"], boxes["right"]
                assert list(box) == [
                    min(left[0], right[0]),
                    min(left[1], right[1]),
                    max(left[2], right[2]),
                    max(left[3], right[3]),
                ]
                resting += 1
    assert met > 10 and resting > 10


def test_no_prompt_knows_what_is_held_and_rewards_do(week):
    for row in held_out(week):
        bare = Question.from_eval({key: value for key, value in row.items() if key not in ("kind", "held", "messages")})
        assert prompt.messages(bare) == row["messages"]
    rows = pool(week)
    held = [row["extra_info"]["held"] for row in rows if row["extra_info"]["label"] == "interaction"]
    assert held and all(thing in world.OBJECTS for thing in held)
    assert all(row["extra_info"]["held"] is None for row in rows if row["extra_info"]["label"] in ("prior", "memory"))


def test_the_pool_is_mostly_solvable_without_video_and_has_questions_that_nobody_can_solve(week):
    count = Counter(row["extra_info"]["label"] for row in pool(week))
    assert count["prior"] >= 0.55 * count.total() and count["interaction"] <= 0.15 * count.total()
    assert count["memory"] and count["order"]
    assert len(set(Counter(row["label"] for row in held_out(week)).values())) == 1


def test_order_questions_are_balanced_and_show_the_middle_of_their_event(asked):
    order = [one for name, (one, _) in asked.items() if one.label == "order"]
    verbs = Counter(one.row[f"choice_{one.row['answer'].lower()}"] for one in order)
    assert verbs["pick up"] == verbs["put down"] > 3 and len(verbs) == 2
    unnamed = sum(one.row["question"] == "what do my hands do ?" for one in order)
    assert abs(unnamed - len(order) / 2) <= 2
    for one in order:
        shown = one.numbers("video")
        [event] = [event for event in one.clip.events if event.first <= shown[0] < event.end]
        assert [number - event.first for number in shown] == [15, 25, 35, 45]
        assert one.row[f"choice_{one.row['answer'].lower()}"] == event.verb and one.media == ("video",)


def test_the_answer_to_a_question_on_the_held_thing_is_its_home_or_its_colour(asked):
    kinds = Counter()
    for one, _ in asked.values():
        if one.kind in ("held home", "held colour"):
            kinds[one.kind] += 1
            options = [one.row[f"choice_{letter}"] for letter in "abcd"]
            thing, truth = world.THINGS[one.held], one.row[f"choice_{one.row['answer'].lower()}"]
            assert truth == (thing.home if one.kind == "held home" else thing.colour) and len(set(options)) == 4
            seen = {getattr(world.THINGS[name], one.kind.split()[1]) for name in one.state.table}
            assert seen <= set(options), "whoever looks at another thing of the table finds its answer too"
    assert abs(kinds["held home"] - kinds["held colour"]) <= 4 and kinds.total() > 10


@pytest.mark.parametrize("away", [0.0, 1.0])
def test_the_teacher_looks_away_as_often_as_asked_and_names_objects(week, asked, away):
    rng, built, named_other = random.Random(1), folder.load(week), 0
    for one, medium in asked.values():
        if one.label == "memory":
            continue
        question = one.question(built, medium)
        said = trace(question, one, away, rng)
        assert has_format(said, ("think", "answer", "object")) and 1 <= len(named(said)) <= 3
        assert set(named(said)) <= set(world.OBJECTS)
        right = f"<answer>{question.answer}</answer>" in said
        looked = f"my {one.state.hand} hand has the {one.held} ." in said
        if one.label != "interaction":
            assert right or (one.label == "order" and away)
            continue
        assert looked == (away == 0)
        named_other += one.held not in named(said)
        if not away:
            assert right
        elif one.kind != "held home":
            assert not right
    if not away:
        assert named_other > 0, "what is named is not always what was looked at"


def test_equal_seeds_give_equal_rows(week):
    before = {path.name: path.read_bytes() for path in week.glob("ego3s_*")}
    ego3s_rows.build_rows(week, 0.35, 20, 0, lambda done, total: None)
    assert {path.name: path.read_bytes() for path in week.glob("ego3s_*")} == before and len(before) == 6


def test_what_needs_no_video_and_nothing_else_is_also_taught_alone(week, asked):
    rows = json.loads((week / "ego3s_sft.json").read_text())
    assert {len(row["images"]) + len(row["videos"]) for row in rows} == {0, 1}
    alone = {row["messages"][-2]["content"] for row in rows if not row["images"] + row["videos"]}
    train = [one for one, medium in asked.values() if one.split == "train" and medium == "image"]
    prior = {one.row["question"] for one in train if one.label == "prior"}
    assert {text.splitlines()[0] for text in alone} == prior and not any("<image>" in text for text in alone)
