"""Questions that only the order of the frames answers, and questions that need no order, to compare with.

A pick-up is a put-down run backwards. Both verbs are equally common, so one frame or shuffled frames leave the two of
them: who sees everything but the order is right in half of the questions. Reversed frames show the other verb.

The base model sees the order and says what is done. The SFT traces come from a teacher with a prior: in `habit` of its
traces it says the verb that is commoner in the week, without looking, and nothing marks these. So the fine-tuned model
often says that verb too, and reinforcement can teach it to look. What the base model has never done is to look up a
verb among options. So there are rows without a video: look-ups, and the question with the sentence that answers it.
Without the latter the letter was not that of the verb in four of ten answers about a video.

order_sft.json            traces on all train questions, told answers, look-ups of verbs
order_grpo_train.parquet  train questions on order, and half as many on rooms and tables
order_grpo_test.parquet   other people, each event once; order_test.jsonl has the same
"""

import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from firsthand import files
from firsthand.data.build.releases.ego_qa import question_of
from firsthand.errors import UserError
from firsthand.question import Question, Split
from firsthand.rollout import prompt
from firsthand.toy.ego3s.drafts import ORDERED, WHAT, order_drafts
from firsthand.toy.frames import FPS, numbers_at, stored
from firsthand.toy.rows import Written, write_verl_rows
from firsthand.toy.tiny_models import drills
from firsthand.toy.week import folder, world
from firsthand.toy.week.folder import Folder, Row
from firsthand.toy.week.question_drafts import LETTERS
from firsthand.toy.week.questions import with_letters
from firsthand.toy.week.splits import blocks

COMMON = "pick up"
SHOWN: tuple[Split, ...] = ("train", "test")
TEST = 240  # questions on order that are asked afterwards
TOLD, LOOK_UPS = 1.0, 0.5  # rows without a video for each trace

Asked = tuple[Question, Row]


def build_order_rows(week: Path, habit: float, seed: int, tick: Callable[[int, int], None]) -> Written:
    rows = _rows(folder.load(week), seed)
    if empty := [split for split in SHOWN if not rows[split]]:
        raise UserError(f"{week}: nothing is picked up and put down in {', '.join(empty)}; build it with more clips")
    asked: dict[Split, list[Asked]] = defaultdict(list)
    shown = [(split, row) for split in SHOWN for row in rows[split]]
    for number, (split, row) in enumerate(shown, 1):
        asked[split].append((_question(week, row, split), row))
        tick(number, len(shown))
    rng = random.Random(f"{seed} order traces")
    traces = [prompt.sharegpt_row(question, _trace(question, row, habit, rng)) for question, row in asked["train"]]
    told = [_told(rng) for _ in range(round(TOLD * len(traces)))]
    look_ups = [_look_up(rng) for _ in range(round(LOOK_UPS * len(traces)))]
    sft = [*traces, *told, *look_ups]
    files.write_json(week / "order_sft.json", rng.sample(sft, len(sft)))
    for split in SHOWN:
        write_verl_rows(week / f"order_grpo_{split}.parquet", [question for question, _ in asked[split]])
    files.write_jsonl(week / "order_test.jsonl", (prompt.eval_row(question) for question, _ in asked["test"]))
    counts = {"sft traces": len(traces), "sft told": len(told), "sft look-ups": len(look_ups)}
    for split in SHOWN:
        for label in ("order", "scene"):
            counts[f"{split}: {label}"] = sum(question.label == label for question, _ in asked[split])
    return Written(counts)


def _rows(built: Folder, seed: int) -> dict[Split, list[Row]]:
    """By split: questions on order, and at most half as many on what is seen at any moment."""
    order: dict[Split, list[Row]] = defaultdict(list)
    for block in blocks(built.size):
        rng = random.Random(f"{seed} order {block}")
        drafts = list(order_drafts(block.clips(built.clips), rng))
        if block.split == "test":  # they begin with each event once
            drafts = drafts[: len(drafts) // 2]
        for number, (draft, letter, others) in enumerate(with_letters(drafts, rng), 1):
            row = draft.row(f"{block.identity}_{block.split}_o{number:04d}", block.identity, letter, others)
            order[block.split].append(row)
    split_of, rng = built.split_of(), random.Random(f"{seed} order rows")
    found: dict[Split, list[Row]] = {}
    for split in SHOWN:
        chosen = order[split] if split == "train" else _balanced(order[split], TEST, rng)
        seen = [row for row in built.all_questions() if row["answerable_from"] == "scene"]
        scene = [row for row in seen if split_of[row["ID"]] == split]
        found[split] = rng.sample(rows := [*chosen, *scene[: len(chosen) // 2]], len(rows))
    return found


def _balanced(rows: list[Row], wanted: int, rng: random.Random) -> list[Row]:
    """As many of one verb as of the other."""
    verbs = [[row for row in rows if row[f"choice_{row['answer'].lower()}"] == verb] for verb in ORDERED]
    each = min(wanted // 2, *map(len, verbs))
    return [row for of_verb in verbs for row in rng.sample(of_verb, each)]


def _question(week: Path, row: Row, split: Split) -> Question:
    frames = stored(week, row["clip"], numbers_at(row["moment"]))
    return question_of(row, id=row["ID"], data_source="toy_order", split=split, video=frames, fps=FPS)


def _trace(question: Question, row: Row, habit: float, rng: random.Random) -> str:
    said, thing = question.options[question.answer or ""], row["keywords"].split(",")[0]
    if question.label == "order":
        said = COMMON if rng.random() < habit else said
        thought = f"i {said} the {thing} ."
    else:
        thought = f"the table has the {said} ." if said in world.OBJECTS else f"i am in the {said} ."
    letter = next(letter for letter, option in question.options.items() if option == said)
    return prompt.response(f"{thought} {said} {letter}", letter)


def _told(rng: random.Random) -> prompt.Message:
    """The question with the sentence that answers it in place of a video."""
    options, thing, said = _options(rng), rng.choice(world.OBJECTS), rng.choice(ORDERED)
    letter = LETTERS[options.index(said)]
    asked = f"i {said} the {thing} .\n{rng.choice(WHAT).format(thing)}\n{drills.option_lines(options)}"
    answer = prompt.response(f"i {said} the {thing} . {said} {letter}", letter)
    turns = [("system", prompt.system("choice")), ("user", asked), ("assistant", answer)]
    return {"messages": [{"role": role, "content": text} for role, text in turns], "images": [], "videos": []}


def _look_up(rng: random.Random) -> prompt.Message:
    options = _options(rng)
    turns = [drills.letter_drill(options, rng, lookups=8), drills.one_letter_drill(options, rng)]
    return {"messages": drills.chat(rng.sample(turns, 2), rng), "images": [], "videos": []}


def _options(rng: random.Random) -> list[str]:
    return rng.sample(four := [*ORDERED, *rng.sample(sorted(world.USES), 2)], len(four))
