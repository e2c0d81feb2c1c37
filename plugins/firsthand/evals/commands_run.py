"""`firsthand eval run`: a benchmark from its rows to answers; each has a command of its own."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firsthand.errors import UserError
from firsthand.evals.agents import commands as agents
from firsthand.evals.benchmarks import SUITE

if TYPE_CHECKING:
    from firsthand.evals.ask import Summary

EGOCROSS = "egocross"

app = typer.Typer(no_args_is_help=True, help="Answer a benchmark: with what is shown, or as an agent with tools.")


class Method(StrEnum):
    LETTER = "letter"
    LOGPROB = "logprob"
    PAIRWISE = "pairwise"


class Prompts(StrEnum):
    PLAIN = "plain"
    TYPED = "typed"


class Policy(StrEnum):
    UNIFORM = "uniform"
    TAIL = "tail"
    FULL = "full"


@app.command(EGOCROSS)
def egocross(
    out: Annotated[Path, typer.Option(help="JSONL of answers; run again with the same file to resume.")],
    server: Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible server that is there.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Without --server: a model folder, served by vLLM meanwhile. With it: its name.")
    ] = None,
    rows: Annotated[Path, typer.Option(help="The questions.")] = Path("datasets/egocross_test/eval.jsonl"),
    media_root: Annotated[
        Path | None, typer.Option(help="Frames are below this folder; by default `media` beside ROWS.")
    ] = None,
    method: Annotated[
        Method, typer.Option(help="The letter it writes, the letters' probabilities, or all pairs of options.")
    ] = Method.LETTER,
    rotate: Annotated[bool, typer.Option("--rotate", help="Every rotation of the options, then a vote.")] = False,
    prompts: Annotated[
        Prompts, typer.Option(help="As in training, or with advice for the type of question.")
    ] = Prompts.PLAIN,
    frames: Annotated[
        Policy, typer.Option(help="Over the whole clip, half of them at its end, or all of them.")
    ] = Policy.UNIFORM,
    max_frames: Annotated[int, typer.Option(min=1, help="Frames of a question, unless --frames full.")] = 16,
    max_image_tokens: Annotated[int, typer.Option(min=1, help="Cap on the tokens of a question's frames.")] = 16384,
    max_pixels: Annotated[int, typer.Option(min=1, help="Of a frame: image_max_pixels of the recipe.")] = 360_000,
    min_pixels: Annotated[int, typer.Option(min=1, help="Of a frame: image_min_pixels of the recipe.")] = 50_176,
    factor: Annotated[int, typer.Option(min=1, help="Pixels along a token: Qwen3-VL 32, Qwen2.5-VL 28.")] = 32,
    video: Annotated[bool, typer.Option("--video", help="Frames as one video with its rate, as trained so.")] = False,
    by_path: Annotated[
        bool, typer.Option("--by-path", help="Send file:// URLs; the server reads them itself.")
    ] = False,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer; thinking needs thousands.")] = 16,
    max_model_len: Annotated[int | None, typer.Option(help="vLLM's, when it is started here.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Questions in flight at once.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the server.")] = 0,
    retries: Annotated[int, typer.Option(min=0, help="Tries again after connection faults, 429 and 5xx.")] = 6,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for one answer.")] = 600.0,
) -> None:
    """Answer EgoCross greedily; exit code 1 when any question could not be asked.

    Example: firsthand eval run egocross --model runs/sft_egocross_lora_merged --out runs/egocross/lora.jsonl
    """
    from contextlib import nullcontext

    from firsthand.data.questions import read_questions
    from firsthand.evals import serve as runs
    from firsthand.evals.single_turn.answer import Plan

    root = (media_root or rows.parent / "media").resolve()
    questions = read_questions(rows)
    if server is None and model is None:
        raise UserError("say --server URL, or --model FOLDER to have it served")
    name = model or runs.only_model(server or "")
    plan = Plan.model_validate(
        {
            "model": name, "max_tokens": max_tokens, "seed": seed, "method": method, "rotate": rotate,
            "prompts": prompts, "frames": frames, "max_frames": max_frames, "max_image_tokens": max_image_tokens,
            "max_pixels": max_pixels, "min_pixels": min_pixels, "factor": factor, "video": video,
        }
    )  # fmt: skip
    allowed = root if by_path else None
    started = runs.served(Path(name), allowed, out.with_suffix(".vllm.log"), max_model_len)
    with nullcontext(server) if server else started as url:
        summary = runs.run(
            questions, out, url, plan,
            media_root=root, by_path=by_path, concurrency=concurrency, retries=retries, timeout=timeout,
        )  # fmt: skip
    tell(summary, max_tokens, out)


for benchmark in SUITE.values():
    app.command(benchmark.name, help=agents.help_of(benchmark))(agents.run)


def tell(summary: "Summary", max_tokens: int, out: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if summary.torn:
        console.print(f"{out} ended in half a row (an earlier run was killed); it was dropped and asked again")
    console.print(
        f"{summary.asked} asked, {summary.resumed} from earlier runs, {len(summary.failed)} failed; "
        f"of all answers {summary.unparsed} without a letter, {summary.cut} cut off at {max_tokens} tokens -> {out}"
    )
    for key, why in summary.failed.items():
        console.print(f"failed {key}: {why}", style="red", soft_wrap=True)
    if summary.failed:
        raise typer.Exit(1)
