"""`firsthand eval judge`: the open answers of a run, judged by a model."""

from pathlib import Path
from typing import Annotated

import typer

from firsthand.errors import UserError


def judge(
    run: Annotated[Path, typer.Argument(help="Folder of `firsthand eval run`.")],
    server: Annotated[str | None, typer.Option(help="Base URL of the judge's OpenAI-compatible server.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The judge. Without --server: a model folder, served by vLLM meanwhile.")
    ] = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="No model: equal words are right, everything else is wrong.")
    ] = False,
    similarity: Annotated[
        bool, typer.Option("--similarity", help="The model embeds texts (/v1/embeddings): how alike are they, 0 to 1?")
    ] = False,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Only the answers to N questions, always the same ones: a second judge.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Keep replies here, for other runs too (default: beside RUN).")
    ] = None,
    key_env: Annotated[str | None, typer.Option(help="Environment variable with the judge's key.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest reply; a judge that thinks needs thousands.")] = 2048,
    max_model_len: Annotated[int | None, typer.Option(help="vLLM's, when it is started here.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Answers in flight at once.")] = 8,
    retries: Annotated[int, typer.Option(min=0, help="Tries again after connection faults, 429 and 5xx.")] = 6,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds for one request.")] = 600.0,
) -> None:
    """Ask a judge about every answer of a run, by the protocol of its benchmark; the tables then have its score.

    Run it again to go on. A reply without a verdict is never a score: it is listed, and asked again then. A second
    judge on a --sample shows how far the two agree.

    Example: firsthand eval judge runs/egothink/sft --server http://localhost:8001 --model Qwen/Qwen3-8B

    Example: firsthand eval judge runs/egothink/sft --similarity --server http://localhost:8002 --model all-MiniLM-L6-v2
    """
    from firsthand.evals.commands import tell, write
    from firsthand.evals.job import Job
    from firsthand.evals.judge import verdicts
    from firsthand.evals.judge.protocols import Judged
    from firsthand.evals.judge.similarity import Similarity
    from firsthand.evals.results import predictions
    from firsthand.evals.run_folder import Folder
    from firsthand.evals.ways import Run

    folder = Folder(run)
    metrics = [metric for metric in folder.benchmark.metrics if isinstance(metric, Judged)]
    if not metrics:
        raise UserError(f"{run}: {folder.benchmark.name} is scored without a judge")
    if rules == bool(server or model) or (rules and similarity):
        raise UserError("say --rules, or which judge: --server URL and --model NAME, or --model FOLDER")
    protocol, columns = Similarity() if similarity else metrics[0].protocol, predictions(folder)
    answers = verdicts.answers_to_judge(columns, folder.golds, protocol, sample)
    if not answers:
        raise UserError(f"{run}: there are no answers to judge")
    if rules:
        out = verdicts.path_of(run, verdicts.RULES, protocol)
        found = verdicts.judge_by_rules(answers, out, protocol, sample)
    else:
        shared = {"server": server, "model": model, "key_env": key_env, "max_model_len": max_model_len}
        asking = Run(out=run, concurrency=concurrency, retries=retries, timeout=timeout, **shared)  # type: ignore[arg-type]
        with Job(folder.benchmark, asking).server(flags=["--runner", "pooling"] if similarity else []) as served:
            out = verdicts.path_of(run, served.model, protocol)
            settings = verdicts.JudgeSettings(
                model=served.model, max_tokens=max_tokens, protocol=protocol.name, sample=sample
            )
            kept = cache or run.resolve().parent / "judge_replies.sqlite"
            found = verdicts.ask_judge(answers, out, served, settings, kept)
    write([folder], folder.path / "results")
    tell(found, out, out)
