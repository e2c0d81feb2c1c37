"""Conversion of large releases: rows a second and peak memory, against loading them whole.

    python bench/convert.py [--share 0.1]

Generated files in the exact formats of Ego-CoTT-25K and Video-R1-260k. A row is what is read: of Ego-CoTT a record of a
step (25,000 of about 13 kB, each repeating its history; eight of them make one chain, which is the row written), of
Video-R1 a question of half a kilobyte. The other way is what scripts do: json.load, a list of the same rows,
datasets.Dataset.from_list. Each runs in a process of its own. CPU seconds are those of all its processes, without
imports; on a machine that is busy they say more than the clock, which counts what others took. Memory is the peak of
the process above what it has after its imports, and in all the sum of its peak and its workers'.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from firsthand.workers import default_workers

WORDS = [
    "the",
    "a",
    "cup",
    "person",
    "table",
    "video",
    "kitchen",
    '"quoted"',
    "{'response': [1, 2]}",
    "then,",
    "they\n",
]
RELEASES = {"ego_cott": ("train-cott.json", "sft", 25_000), "video_r1": ("Video-R1-260k.json", "rl", 260_000)}


def text(rng: random.Random, length: int) -> str:
    words = rng.choices(WORDS, k=length // 6)
    return " ".join(words)


def steps(rng: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """Chains of eight records, each with all that came before."""
    system = text(rng, 4100)
    for number in range(count):
        if number % 8 == 0:
            query = f"{text(rng, 120)}? <timestamp>DAY1_11210217</timestamp>\nA. one\nB. two\nC. three\nD. four"
            users, replies = [query], []
        last = number % 8 == 7 or number == count - 1
        action = "<answer>B</answer>" if last else '<tool>{"name": "rag", "arguments": {"level": "day"}}</tool>'
        replies.append(f"<think>{text(rng, 500)}</think> {action}")
        history = [list(turn) for turn in zip(users[:-1], replies[:-1], strict=True)]
        yield {
            "instruction": users[-1],
            "input": "",
            "output": replies[-1],
            "system": system,
            "history": history,
        }
        users.append(f"<information>{text(rng, 900)}</information>")


def problems(rng: random.Random, count: int) -> Iterator[dict[str, Any]]:
    kinds = ["multiple choice", "multiple choice", "numerical", "OCR", "free-form", "regression"]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        options = [f"{letter}. {text(rng, 30)}" for letter in "ABCD"] if kind == "multiple choice" else []
        yield {
            "problem_id": number,
            "problem": text(rng, 150),
            "data_type": "video" if number % 2 else "image",
            "problem_type": kind,
            "options": options,
            "solution": f"<answer>{'B' if options else '12'}</answer>",
            "path": f"./LLaVA-Video-178K/part_{number % 30}/{number}.mp4",
            "data_source": "LLaVA-Video-178K",
        }


def generate(name: str, folder: Path, share: float) -> tuple[Path, int]:
    file, _, count = RELEASES[name]
    count, rng, path = int(count * share), random.Random(0), folder / name / file
    path.parent.mkdir()
    rows = (steps if name == "ego_cott" else problems)(rng, count)
    with path.open("w") as handle:
        handle.write("[")
        for number, row in enumerate(rows):
            handle.write(("," if number else "") + json.dumps(row, ensure_ascii=False, indent=1))
        handle.write("]")
    return path, count


def ours(name: str, path: Path) -> None:
    from firsthand.data.build.build import Options, build
    from firsthand.data.build.catalogue import release

    purpose = RELEASES[name][1]
    begin = Reading.now()
    build(release(name), path.parent, path.parent / "out", (purpose,), Options(), lambda *_: None)  # type: ignore[arg-type]
    begin.tell()


def whole(name: str, path: Path) -> None:
    import datasets

    from firsthand.data.build.catalogue import release
    from firsthand.data.build.release import Place
    from firsthand.rollout import prompt

    datasets.disable_progress_bars()
    kind = release(name)
    begin = Reading.now()
    converter = kind.converter(path.parent, RELEASES[name][1], kind.argument)  # type: ignore[arg-type]
    places = ((row, Place("", number)) for number, row in enumerate(json.load(path.open())))
    picked = ((converter.pick(row, place), place) for row, place in places)
    made: Any = [converter.convert(row, place) for row, place in picked if row]
    if name == "ego_cott":
        rows = [prompt.sharegpt_row(one.question, prompt.solution(one)) for one in made]
        datasets.Dataset.from_list(rows).to_json(str(path.parent / "whole.jsonl"))
    else:
        rows = [prompt.verl_row(one, number) for number, one in enumerate(made)]
        datasets.Dataset.from_list(rows).to_parquet(str(path.parent / "whole.parquet"))
    begin.tell()


class Reading(NamedTuple):
    seconds: float
    cpu: float
    mib: float  # peak of this process
    workers: float  # peak of its largest child, times how many run

    @classmethod
    def now(cls) -> "Reading":
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        cpu = sum(usage.ru_utime + usage.ru_stime for usage in (own, children))
        return cls(time.perf_counter(), cpu, own.ru_maxrss / 1024, children.ru_maxrss / 1024 * default_workers())

    def tell(self) -> None:
        end = Reading.now()
        spent = {"seconds": end.seconds - self.seconds, "cpu": end.cpu - self.cpu}
        print(json.dumps({**spent, "mib": end.mib - self.mib, "mib_in_all": end.mib + end.workers}))


def run(way: str, name: str, path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--way", way, "--name", name, "--file", path], check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=1.0, help="of the rows of each release")
    for hidden in ("--way", "--name", "--file"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        return (ours if given.way == "ours" else whole)(given.name, Path(given.file))
    for name in RELEASES:
        with tempfile.TemporaryDirectory() as folder:
            path, count = generate(name, Path(folder), given.share)
            size = path.stat().st_size
            print(f"{name}: {count} rows, {size / 2**20:.0f} MiB, {size / count:.0f} B a row")
            found = {way: run(way, name, path) for way in ("ours", "whole")}
            for way, figures in found.items():
                rate, mb = count / figures["seconds"], size / 1e6 / figures["seconds"]
                memory = f"{figures['mib']:6.0f} MiB more, {figures['mib_in_all']:6.0f} MiB in all"
                print(
                    f"  {way:6} {rate:9.0f} rows/s {mb:6.0f} MB/s  {figures['seconds']:6.1f} s by the clock, "
                    f"{figures['cpu']:.1f} s CPU ({count / figures['cpu']:.0f} rows a CPU second)  {memory}"
                )
            print(f"  ratio  {found['whole']['seconds'] / found['ours']['seconds']:9.2f} times as fast")
    return None


if __name__ == "__main__":
    main()
