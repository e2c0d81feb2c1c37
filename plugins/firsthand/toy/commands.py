"""`firsthand toy ...`: the synthetic egocentric week."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firsthand.progress import with_bar

if TYPE_CHECKING:
    from firsthand.toy.rows import Written

app = typer.Typer(no_args_is_help=True, help="Build and check the synthetic egocentric week and the tiny models.")


@app.command()
def build(
    out: Annotated[Path, typer.Argument(help="Folder of the week; a stopped build goes on where it was.")],
    people: Annotated[int, typer.Option(help="Camera wearers, 1 to 6; the last third (at least one) is the test.")] = 2,
    days: Annotated[int, typer.Option(help="1 to 7; the last day of the other people is the development split.")] = 3,
    seed: Annotated[int, typer.Option(help="Equal seeds and sizes give equal bytes.")] = 0,
    sessions: Annotated[int, typer.Option(help="Recordings per day, 1 to 6, more than an hour apart.")] = 4,
    clips: Annotated[int, typer.Option(help="30-second clips per recording, 1 to 60.")] = 8,
    questions: Annotated[int, typer.Option(help="Questions per person, equally many of each label.")] = 120,
) -> None:
    """Build a week with known truth: clips, boxes, poses, captions, summaries, questions and splits.

    Example: firsthand toy build datasets/toy/week --people 2 --days 3 --seed 0
    """
    from firsthand.toy.week.build import build as build_week
    from firsthand.toy.week.build import question_table
    from firsthand.toy.week.plan import Size

    size = Size(people, days, seed, sessions, clips, questions)
    counts = with_bar("clips", lambda tick: build_week(out, size, tick))
    question_table(counts, size)
    typer.echo(f"the week is in {out}; prove it with: firsthand toy check {out}")


@app.command()
def check(
    out: Annotated[Path, typer.Argument(help="Folder of a built week.")],
    all_clips: Annotated[bool, typer.Option("--all", help="Decode every clip instead of a sample of 24.")] = False,
) -> None:
    """Prove that files, boxes, captions, labels and splits of a week are correct; exit code 1 and a list if not.

    Example: firsthand toy check datasets/toy/week --all
    """
    from firsthand.toy.week.check import check as check_week
    from firsthand.toy.week.check import show

    found = with_bar("looking at clips", lambda tick: check_week(out, all_clips, tick))
    show(found)
    if found.failed:
        raise typer.Exit(1)


@app.command()
def rows(
    week: Annotated[Path, typer.Argument(help="Folder of a built week; the rows are written beside it.")],
    scene_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of interaction traces in which the teacher looks at the scene.")
    ] = 0.65,
    seed: Annotated[int, typer.Option(help="Seed of the traces.")] = 0,
) -> None:
    """Write SFT traces, GRPO prompts and held-out questions of a week, with their frames.

    Example: firsthand toy rows datasets/toy
    """
    from firsthand.toy.rows import build_rows

    _counts(with_bar("questions", lambda tick: build_rows(week, scene_share, seed, tick)))


@app.command()
def agent_rows(
    week: Annotated[Path, typer.Argument(help="Folder of a built week; the rows are written beside it.")],
) -> None:
    """Write the questions that only memory can answer: for an agent with tools, as questions and as GRPO prompts.

    Example: firsthand toy agent-rows datasets/toy_agent
    """
    from firsthand.toy.agent_rows import build_agent_rows

    _counts(build_agent_rows(week))


@app.command()
def ego3s_rows(
    week: Annotated[Path, typer.Argument(help="Folder of a built week; the rows are written beside it.")],
    away: Annotated[
        float, typer.Option(min=0, max=1, help="Share of traces in which the teacher looks away from the hands.")
    ] = 0.35,
    pool: Annotated[int, typer.Option(min=20, help="Rows of the pool that is selected from.")] = 400,
    seed: Annotated[int, typer.Option(help="Seed of questions, traces and pool.")] = 0,
) -> None:
    """Write the rows for Ego3S: traces with objects, a pool that mostly needs no video, probes, test, all regions.

    Example: firsthand toy ego3s-rows datasets/toy_ego3s
    """
    from firsthand.toy.ego3s.rows import build_rows

    _counts(with_bar("frames", lambda tick: build_rows(week, away, pool, seed, tick)))


@app.command()
def order_rows(
    week: Annotated[Path, typer.Argument(help="Folder of a built week; the rows are written beside it.")],
    habit: Annotated[
        float, typer.Option(min=0, max=1, help="Share of traces in which the teacher says `pick up` without looking.")
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="Seed of questions and traces.")] = 0,
) -> None:
    """Write questions that only the order of the frames answers: SFT traces, GRPO prompts, held-out questions.

    Example: firsthand toy order-rows datasets/toy_order
    """
    from firsthand.toy.order_rows import build_order_rows

    _counts(with_bar("frames", lambda tick: build_order_rows(week, habit, seed, tick)))


@app.command()
def model(
    out: Annotated[Path, typer.Argument(help="Folder that gets one folder a model: tiny_qwen3_vl, ...")],
    kinds: Annotated[str, typer.Option(help="Which, by comma.")] = "qwen3_vl,qwen3_5,qwen2_5_vl,qwen2_5",
    train: Annotated[bool, typer.Option("--train", help="Train from random weights (up to an hour each).")] = False,
) -> None:
    """Write tiny models in the ordinary Hugging Face layout: with random weights, or trained on captions and drills.

    Example: firsthand toy model runs/random_models --kinds qwen3_vl
    """
    from firsthand.errors import UserError
    from firsthand.toy.tiny_models import base_model, tiny_clip

    for kind in kinds.split(","):
        if kind not in (*base_model.KINDS, "clip"):
            raise UserError(f"--kinds: {kind!r} is not one of {', '.join(base_model.KINDS)}, clip")
        target = out / f"tiny_{kind}"
        if kind == "clip":
            with_bar("steps", partial(tiny_clip.make, target, train, 0))
        elif train:
            for drill, count in base_model.train(kind, target, Path("runs/tiny_base")).items():
                typer.echo(f"  {drill:32} {count['right']}/{count['n']}")
        else:
            base_model.make_random(kind, target, base_model.draw_rows(kind))
        typer.echo(f"{target}")


@app.command()
def measure(
    model: Annotated[Path, typer.Argument(help="Folder of a tiny model.")],
    rows: Annotated[int, typer.Option(help="Rows of each kind: images, half as many videos, texts.")] = 150,
) -> None:
    """Share of drills on fresh frames that a tiny model answers exactly, by kind.

    Example: firsthand toy measure models/tiny_qwen3_vl
    """
    from firsthand.toy.tiny_models.base_model import measure as measure_model

    for drill, count in measure_model(model, rows).items():
        typer.echo(f"  {drill:32} {count['right']}/{count['n']}")


@app.command()
def rounds(
    out: Annotated[Path, typer.Option(help="Folder of the world; a stopped build goes on where it was.")],
    takes: Annotated[int, typer.Option(min=1, help="Takes of the four people to train on.")] = 125,
    held_out: Annotated[int, typer.Option(min=1, help="Takes of the two people who are never trained on.")] = 18,
    steps: Annotated[int, typer.Option(min=4, help="Steps of a take: turns of the head, or reaches.")] = 60,
    seed: Annotated[int, typer.Option(help="Equal seeds and sizes give equal bytes.")] = 0,
    colour: Annotated[
        bool, typer.Option("--colour", help="Images in colour: nicer to look at, but a wall's colour is a shortcut.")
    ] = False,
) -> None:
    """Build the world that EgoAgent is tried on: a ring of rooms, a head that turns, hands that reach.

    It is written as Ego-Exo4D is (poses, cameras, every fifth frame) and as WalkingTours is (a folder of frames).

    Example: firsthand toy rounds --out datasets/rounds --takes 125 --seed 0
    """
    from firsthand.progress import progress_bar
    from firsthand.toy.rounds.build import Size
    from firsthand.toy.rounds.build import build as build_rounds

    with progress_bar() as bar:
        task = bar.add_task("takes")
        size = Size(takes, held_out, steps, seed, colour)
        build_rounds(out, size, lambda done, total: bar.update(task, completed=done, total=total))
    typer.echo(
        f"the world is in {out}; make shards of it with: firsthand egoagent shards {out}/egoexo --out {out}/shards"
    )


def _counts(made: "Written") -> None:
    for name, count in {**made.counts, **{f"left aside: {why}": n for why, n in made.left_aside.items()}}.items():
        typer.echo(f"{count:6}  {name}")
