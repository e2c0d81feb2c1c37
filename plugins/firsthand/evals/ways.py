"""The ways of asking a question: the choices that each offers, with their defaults.

A benchmark names one of them. `firsthand eval run` turns the fields of that one into options of its command line.
"""

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from firsthand.errors import UserError
from firsthand.evals.single_turn.votes import Method
from firsthand.media.orders import Order
from firsthand.question import StyleName
from firsthand.rollout.released_turn import Reading
from firsthand.rollout.turn_text import Dialect

_agent, _summary, _cost, _column = (
    partial(typer.Option, rich_help_panel=panel)
    for panel in ("The agent", "A summary model", "Work and price", "Another column of the same run")
)
ANSWER = "answer"  # the column of a run's own answers
CHANGED = ("blind", "shuffled", "rotated")  # columns of questions that are asked changed


@dataclass(frozen=True)
class Run:
    """What every way needs: which model answers, where the rows are, where the answers go."""

    out: Annotated[Path, typer.Option(help="Folder of this run; run again with the same one to go on.")]
    server: Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible server that is there.")] = None
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "--agent", help="Without --server: a model folder, served by vLLM meanwhile. With it: its name."
        ),
    ] = None
    questions: Annotated[
        Path | None,
        typer.Option("--questions", "--rows", help="Rows of `firsthand data build`; default: the benchmark's."),
    ] = None
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N questions.")] = None
    max_model_len: Annotated[int | None, typer.Option(help="vLLM's, when it is started here.")] = None
    key_env: Annotated[str | None, typer.Option(help="Environment variable with the server's key.")] = None
    seed: Annotated[int, typer.Option(help="Seed of the server's sampling.")] = 0
    concurrency: Annotated[
        int, _cost(min=1, help="At most so many questions at once; the number follows what the server can take.")
    ] = 32
    retries: Annotated[int, _cost(min=0, help="Tries again after connection faults, 429 and 5xx.")] = 6
    timeout: Annotated[float, _cost(min=1.0, help="Seconds for one request.")] = 600.0
    patience: Annotated[float, _cost(min=0.0, help="Seconds to wait for a server that is gone in the middle.")] = 600.0
    price: Annotated[
        tuple[float, float] | None, _cost(help="US dollars for a million tokens of the model, read and written.")
    ] = None


@dataclass(frozen=True)
class Columns:
    """The same questions asked changed, into the same run: a column beside its answers."""

    blind: Annotated[
        bool, _column("--blind", help="The question alone, without its frames: what does the text give away?")
    ] = False
    shuffled: Annotated[
        bool, _column("--shuffled", help="The options in another order each; letters are mapped back.")
    ] = False

    frame_order: Annotated[
        Order, typer.Option(help="Does the model use the order? Other frames at the same times, to compare.")
    ] = "ordered"

    @property
    def column(self) -> str:
        chosen = [name for name in CHANGED if getattr(self, name, False)]
        if len(chosen) > 1:
            raise UserError(f"--{chosen[0]} and --{chosen[1]} are two columns: ask for one after the other")
        return chosen[0] if chosen else ANSWER


@dataclass(frozen=True)
class AsWritten(Columns):
    """One request per row, with the messages that the row holds, or those of another style."""

    media_root: Annotated[
        Path | None,
        typer.Option(
            help="Media paths are below this folder; default: `media` as `data build` links it, or the rows' own."
        ),
    ] = None
    recipe: Annotated[
        Path | None, typer.Option(help="The fine-tuning recipe by whose video_* keys video files are sampled.")
    ] = None
    style: Annotated[
        StyleName | None,
        typer.Option(help="Ask in this style instead of the file's: `direct` asks for the answer without a thought."),
    ] = None
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.0
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer; leave room for thinking.")] = 1024
    rotated: Annotated[
        bool, _column("--rotated", help="Every rotation of the options, then a vote: is it the text or the letter?")
    ] = False


@dataclass(frozen=True)
class SingleTurn(Columns):
    """One reply per question, or several that vote: frames within a budget, options in one order or in several."""

    media_root: Annotated[
        Path | None, typer.Option(help="Frames are below this folder; default: `media` beside the rows.")
    ] = None
    method: Annotated[
        Method, typer.Option(help="The letter it writes, the letters' probabilities, or all pairs of options.")
    ] = "letter"
    rotate: Annotated[bool, typer.Option("--rotate", help="Every rotation of the options, then a vote.")] = False
    prompts: Annotated[
        Literal["plain", "typed"], typer.Option(help="As in training, or with advice for the type of question.")
    ] = "plain"
    frames: Annotated[
        Literal["uniform", "tail", "full"],
        typer.Option(help="Over the whole clip, half of them at its end, or all of them."),
    ] = "uniform"
    max_frames: Annotated[int, typer.Option(min=1, help="Frames of a question, unless --frames full.")] = 16
    max_image_tokens: Annotated[int, typer.Option(min=1, help="Cap on the tokens of a question's frames.")] = 16384
    max_pixels: Annotated[int, typer.Option(min=1, help="Of a frame: image_max_pixels of the recipe.")] = 360_000
    min_pixels: Annotated[int, typer.Option(min=1, help="Of a frame: image_min_pixels of the recipe.")] = 50_176
    factor: Annotated[int, typer.Option(min=1, help="Pixels along a token: Qwen3-VL 32, Qwen2.5-VL 28.")] = 32
    video: Annotated[bool, typer.Option("--video", help="Frames as one video with its rate, as trained so.")] = False
    by_path: Annotated[bool, typer.Option("--by-path", help="Send file:// URLs; the server reads them itself.")] = False
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer; thinking needs thousands.")] = 16


@dataclass(frozen=True)
class Agent:
    """An agent with tools, several turns per question, in the loop of its training."""

    example_loop: str  # where the loop of this benchmark lies; a user names the one of the training
    turns: Annotated[int | None, _agent(min=1, help="Model turns; the last one may not call tools.")] = None
    default_turns: int = 9  # without --loop and --turns
    loop: Annotated[
        Path | None,
        typer.Option(help="The agent loops of its training, such as recipes/toy/loop.yaml: tools, turns, budget."),
    ] = None
    tools: Annotated[
        Path | None, typer.Option(help="YAML of tools, for example recipes/ego_r1/tools/egolife.yaml, without --loop.")
    ] = None
    no_tools: Annotated[
        bool, typer.Option("--no-tools", help="Switched off: what the agent answers by itself, shown beside.")
    ] = False
    and_no_tools: Annotated[
        bool, typer.Option("--and-no-tools", help="Both: with its tools, then without them, on the same server.")
    ] = False
    force: Annotated[
        bool, typer.Option("--force", help="Without tools: where it gives no letter, its likeliest one, shown apart.")
    ] = False
    dialect: Annotated[Dialect | None, _agent(help="Its tags; default: those that the rows are written for.")] = None
    functions: Annotated[bool, _agent("--functions", help="Calls in the API's own form, for other makers' models.")] = (
        False
    )
    reading: Annotated[
        Reading, _agent(help="Of its turns: as in our training, or as the code of released agents runs them.")
    ] = "strict"
    seconds: Annotated[float | None, _agent(min=1.0, help="Of an episode; 600 without --loop.")] = None
    max_tokens: Annotated[int | None, _agent(min=1, help="Of a turn; 1024 without --loop.")] = None
    temperature: Annotated[float, _agent(min=0.0, help="0 is greedy.")] = 0.0
    top_p: Annotated[float, _agent(min=0.01, max=1.0)] = 1.0
    summary: Annotated[str | None, _summary(help="It answers where the agent gave no letter.")] = None
    summary_server: Annotated[str | None, _summary(help="Default: the agent's own.")] = None
    summary_key_env: Annotated[str | None, _summary(help="Environment variable with its key.")] = None
    summary_all: Annotated[bool, _summary("--summary-all", help="And every other question too.")] = False


Way = AsWritten | SingleTurn | Agent


def options(way: type) -> dict[str, Any]:
    """The annotated fields of a way, which a user may change: name -> annotation with its option."""
    return {field.name: field.type for field in fields(way) if hasattr(field.type, "__metadata__")}
