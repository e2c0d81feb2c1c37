"""What an agent needs to be trained: questions of two people, their memory and frames, a service that answers about
frames, and a tiny model that was shown a few dozen times how to call the tools. No question can be learnt: letters are
drawn, so that a group differs in its rewards. And its training: the stock trainer as a child, and what that wrote."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from firsthand import clock
from firsthand.media.index import writing
from firsthand.memory.records import Record
from firsthand.memory.store import Store
from firsthand.question import Question, StyleName
from firsthand.rollout import dialects, prompt

PEOPLE = {"A1_JAKE": "kitchen", "A2_ALICE": "garden"}
THINGS = ("cup", "phone", "towel", "soap")
START, ASKED = "DAY1_11000000", "DAY1_12000000"
LOOK = '{"name": "vlm", "arguments": {"question": "what is it ?", "timestamp": "DAY1_11000300"}}'
SEARCH = '{"name": "rag", "arguments": {"level": "day", "keywords": ["%s"], "start_time": "DAY1_00000000"}}'
WATCH = {"range": "DAY1_11000000-DAY1_11000500", "n": 2}
SERVICE = Path(__file__).with_name("vision_service.py")
ROOT = Path(__file__).parents[2]
ENV = "ray_kwargs.ray_init.runtime_env.env_vars"
Told = list[list[dict[str, Any]]]  # conversations


def make(out: Path, style: StyleName = "ego_r1_brief") -> None:
    """Rows, memory and frames."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [prompt.verl_row(row, number) for number, row in enumerate(questions(style))]
    pq.write_table(pa.Table.from_pylist(rows), out / "rows.parquet")
    start = clock.parse(START)
    records = [
        Record(person, level, start, clock.plus(start, clock.LEVELS[level]), f"i put the {thing} down in the {room} .")
        for person, room in PEOPLE.items()
        for level, thing in zip(("30s", "10min", "1hour"), THINGS, strict=False)
    ]
    Store.build(out / "memory.sqlite", records)
    with writing(out / "store", {"fps": 1.0}) as index, index:
        for number, person in enumerate(PEOPLE, 1):
            folder = f"{person}/clip"
            values = (number, folder, person, start, clock.plus(start, 9), folder)
            index.execute("INSERT INTO videos VALUES (?, ?, 0, 0, ?, ?, ?, ?)", values)
            (out / "store" / folder).mkdir(parents=True)
            for second in range(10):
                moment = clock.plus(start, second)
                file = out / "store" / folder / f"{clock.stamp(moment)}.jpg"
                Image.new("RGB", (64, 64), (25 * second, 100, 50 * number)).save(file)
                values = (person, moment, start, float(second), number)
                index.execute("INSERT INTO frames VALUES (?, ?, ?, ?, ?)", values)


def questions(style: StyleName = "ego_r1_brief") -> list[Question]:
    options = dict(zip("ABCD", THINGS, strict=True))
    return [
        Question(
            id=f"q{number}", question=f"what did i put down , number {number} ?", options=options,
            answer="ABCD"[number % 4], style=style, data_source="agent", split="train",
            identity=list(PEOPLE)[number % 2], query_time=ASKED,
        )
        for number in range(16)
    ]  # fmt: skip


def searching() -> Told:
    """Half of the conversations search, half look: of each question, or a model learns which questions look, and a
    step may draw none of them."""
    rng, told = random.Random(0), []
    for number, row in enumerate(questions() * 4):
        searches = number // len(questions()) % 2 == 0
        call = SEARCH % rng.choice(THINGS) if searches else LOOK
        found = f"i put the {THINGS[0]} down in the {PEOPLE[row.identity or '']} ." if searches else "a cup"
        told.append([
            *prompt.with_placeholders(prompt.messages(row)),
            {"role": "assistant", "content": f"<think>so</think> <tool>{call}</tool>"},
            {"role": "user", "content": f"<information>{found}</information>"},
            {"role": "assistant", "content": f"<think>so</think> <answer>{rng.choice('ABCD')}</answer>"},
        ])  # fmt: skip
    return told


def watching() -> Told:
    """In the native dialect: a call for frames, what comes with them, a drawn letter."""
    rng, told = random.Random(0), []
    for row in questions("ego_r1_native") * 4:
        told.append([
            *prompt.with_placeholders(prompt.messages(row)),
            {"role": "assistant", "content": dialects.call("so", "frames", WATCH, "native")},
            {"role": "tool", "content": "image 1: DAY1_11000000\nimage 2: DAY1_11000500"},
            {"role": "assistant", "content": f"<think>so</think>\n<answer>{rng.choice('ABCD')}</answer>"},
        ])  # fmt: skip
    return told


def teach(out: Path, kind: str, told: Told, schemas: list[dict[str, Any]] | None = None, steps: int = 120) -> None:
    """A random model in `out`, shown the conversations until its calls can be read."""
    import torch
    from transformers import AutoTokenizer

    from firsthand.serving.verify import load_model
    from firsthand.toy.tiny_models.models import build

    words = [" ".join(turn["content"] for turn in turns) for turns in told]
    build(kind, out, [*words, json.dumps(schemas or [])] * 4)
    tokenizer, model = AutoTokenizer.from_pretrained(out), load_model(out)
    samples = [_tokens(tokenizer, turns, schemas) for turns in told]
    optimizer, rng = torch.optim.AdamW(model.parameters(), lr=3e-3), random.Random(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the other core is another test's
    for _ in range(steps):
        batch = rng.sample(samples, 4)
        width = max(len(ids) for ids, _ in batch)
        ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in batch])
        labels = torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in batch])
        model(input_ids=ids, labels=labels).loss.backward()  # padding is on the right, where nothing looks back at it
        optimizer.step()
        optimizer.zero_grad()
    torch.set_num_threads(threads)
    model.save_pretrained(out)


def _tokens(tokenizer: Any, turns: list[dict[str, Any]], schemas: Any) -> tuple[list[int], list[int]]:
    ids: list[int] = []
    labels: list[int] = []
    for end in range(2, len(turns) + 1):
        written = turns[end - 1]["role"] == "assistant"
        text = tokenizer.apply_chat_template(
            turns[:end], tools=schemas, tokenize=False, add_generation_prompt=not written
        )
        new = tokenizer.encode(text, add_special_tokens=False)[len(ids) :]
        ids, labels = ids + new, labels + (new if written else [-100] * len(new))
    return ids, labels


@contextmanager
def vision_service() -> Iterator[tuple[subprocess.Popen, str]]:
    """A process that answers every question about a frame; the caller may kill it."""
    process = subprocess.Popen([sys.executable, SERVICE], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process, f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.wait()


def configure(out: Path, url: str) -> Path:
    """The tools YAML and the agent-loop file that names it."""
    (out / "tools.yaml").write_text(
        f"memory: {{store: {out}/memory.sqlite}}\nvideo: {out}/store\nstate: {out}/state\n"
        f'backends: {{eyes: {{kind: openai, base_url: "{url}", model: eyes}}}}\n'
        "tools: {rag: {}, vlm: {backend: eyes, max_pixels: 4096}}\nlimits: {retries: 0}\n"
    )
    loops = (ROOT / "recipes/toy/loop.yaml").read_text()
    (out / "agent.yaml").write_text(loops.replace("recipes/toy/tools_agent.yaml", f"{out}/tools.yaml"))
    return out / "agent.yaml"


def start(world: Path, recipe: str, out: Path, *overrides: str) -> subprocess.Popen:
    """The stock trainer with a recipe of recipes/ego_r1, in a folder of its own, its log beside."""
    out.mkdir(exist_ok=True)
    command = [
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "recipes/ego_r1", "--config-name", recipe,
        f"actor_rollout_ref.model.path={world}/model", f"data.train_files={world}/rows.parquet",
        f"data.val_files={world}/rows.parquet", "data.train_batch_size=4",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4", "actor_rollout_ref.actor.optim.lr=1.0e-5",
        f"actor_rollout_ref.rollout.agent.agent_loop_config_path={world}/agent.yaml",
        f"trainer.default_local_dir={out}", f"hydra.run.dir={out}/hydra",
        f"{ENV}.VERL_FILE_LOGGER_ROOT={out}/metrics", f"{ENV}.TENSORBOARD_DIR={out}/tensorboard",
        "trainer.val_before_train=false", "trainer.test_freq=-1", *overrides,
    ]  # fmt: skip
    with (out / "log").open("a") as output:
        return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)


def wait_for(found: Callable[[], bool], process: subprocess.Popen, log: Path) -> None:
    while not found():
        assert process.poll() is None, log.read_text()[-5000:]
        time.sleep(0.1)


def metrics(out: Path) -> dict[int, dict[str, Any]]:
    """By step; of a step that was run twice, the later."""
    lines = [line for file in out.glob("metrics/*/*.jsonl") for line in file.read_text().splitlines(keepends=True)]
    return {row["step"]: row["data"] for row in (json.loads(line) for line in lines if line.endswith("\n"))}


def traces(out: Path, step: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / f"traces/{step:06d}.jsonl").read_text().splitlines()]
