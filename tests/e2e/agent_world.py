"""What an agent needs to be trained: questions of two people, their memory and frames, a service that answers about
frames, and a tiny model that was shown a few dozen times how to call the tools. No question can be learnt: letters are
drawn, so that a group differs in its rewards."""

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from firsthand import clock
from firsthand.media.index import writing
from firsthand.memory.records import Record
from firsthand.memory.store import Store
from firsthand.rollout import prompt
from firsthand.rows import Question

PEOPLE = {"A1_JAKE": "kitchen", "A2_ALICE": "garden"}
THINGS = ("cup", "phone", "towel", "soap")
START, ASKED = "DAY1_11000000", "DAY1_12000000"
LOOK = '{"name": "vlm", "arguments": {"question": "what is it ?", "timestamp": "DAY1_11000300"}}'
SEARCH = '{"name": "rag", "arguments": {"level": "day", "keywords": ["%s"], "start_time": "DAY1_00000000"}}'
SERVICE = Path(__file__).with_name("vision_service.py")


def make(out: Path) -> None:
    """Rows, memory and frames."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.Table.from_pylist([prompt.verl_row(row, i) for i, row in enumerate(questions())]), out / "rows.parquet"
    )
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


def questions() -> list[Question]:
    options = dict(zip("ABCD", THINGS, strict=True))
    return [
        Question(
            id=f"q{number}", question=f"what did i put down , number {number} ?", options=options,
            answer="ABCD"[number % 4], style="ego_r1_brief", data_source="agent", split="train",
            identity=list(PEOPLE)[number % 2], query_time=ASKED,
        )
        for number in range(16)
    ]  # fmt: skip


def dialogues() -> Iterator[list[dict[str, Any]]]:
    rng = random.Random(0)
    for row in questions() * 4:
        asked = prompt.with_placeholders(prompt.messages(row))
        searches = rng.random() < 0.5
        call = SEARCH % rng.choice(THINGS) if searches else LOOK
        found = f"i put the {THINGS[0]} down in the {PEOPLE[row.identity or '']} ." if searches else "a cup"
        yield [
            *asked,
            {"role": "assistant", "content": f"<think>so</think> <tool>{call}</tool>"},
            {"role": "user", "content": f"<information>{found}</information>"},
            {"role": "assistant", "content": f"<think>so</think> <answer>{rng.choice('ABCD')}</answer>"},
        ]


def teach(out: Path, steps: int = 120) -> None:
    """A random model in `out`, shown the dialogues until its calls can be read."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from firsthand.toy.models import build

    told = list(dialogues())
    build("qwen2_5", out, [" ".join(turn["content"] for turn in turns) for turns in told] * 4)
    tokenizer, model = AutoTokenizer.from_pretrained(out), AutoModelForCausalLM.from_pretrained(out)
    samples = [_tokens(tokenizer, turns) for turns in told]
    optimizer, rng = torch.optim.AdamW(model.parameters(), lr=3e-3), random.Random(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small products: threads only wait
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


def _tokens(tokenizer: Any, turns: list[dict[str, Any]]) -> tuple[list[int], list[int]]:
    ids: list[int] = []
    labels: list[int] = []
    for end in range(2, len(turns) + 1):
        written = turns[end - 1]["role"] == "assistant"
        text = tokenizer.apply_chat_template(turns[:end], tokenize=False, add_generation_prompt=not written)
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
    loops = (Path(__file__).parents[2] / "recipes/agent_toy.yaml").read_text()
    (out / "agent.yaml").write_text(loops.replace("recipes/tools_toy_agent.yaml", f"{out}/tools.yaml"))
    return out / "agent.yaml"
