"""`firsthand doctor`: one command, no verbs."""

from typing import Annotated

import typer

app = typer.Typer()
RECIPE = "A recipe, or a folder for all its *.yaml; may be repeated."
IGNORE = "A rule id to leave out, e.g. RC007; may be repeated."
GPUS = "GPUs of the machine that --memory is about."
MEMORY = "Say whether each recipe fits into so many gigabytes of one GPU, and what takes them."
TOKENS = "For --memory: tokens of the longest row, where the data are not here."
ANSWER = "For --memory: tokens of its answers."
MODEL = "For --memory: the released model or folder to reckon with."
WITH = "For --memory: key=value behind the recipe; may be repeated."
ENVIRONMENT = "Look at this machine too. By default yes, but torch is imported only without --recipe."


@app.callback(invoke_without_command=True)
def doctor(
    recipe: Annotated[list[str] | None, typer.Option(help=RECIPE)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    strict: Annotated[bool, typer.Option(help="Warnings count as errors.")] = False,
    environment: Annotated[bool | None, typer.Option(help=ENVIRONMENT)] = None,
    ignore: Annotated[list[str] | None, typer.Option(help=IGNORE)] = None,
    gpus: Annotated[int, typer.Option(min=1, help=GPUS)] = 1,
    memory: Annotated[float | None, typer.Option(min=1, help=MEMORY)] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help=TOKENS)] = None,
    answer_tokens: Annotated[int | None, typer.Option(min=1, help=ANSWER)] = None,
    model: Annotated[str | None, typer.Option(help=MODEL)] = None,
    overrides: Annotated[list[str] | None, typer.Option("--with", help=WITH)] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List every rule as a Markdown table, and end.")] = False,
) -> None:
    """Check this machine and a recipe before GPUs are booked; exit code 1 when something is wrong.

    Example: firsthand doctor --recipe recipes/sft_qwen3vl.yaml --gpus 4 --memory 80
    """
    from firsthand.doctor import output, recipes
    from firsthand.doctor.fit import report as fitting
    from firsthand.doctor.machine import machine, versions
    from firsthand.errors import UserError
    from firsthand.findings import RECIPES, RULES, table

    if rules:
        typer.echo("\n".join(table(RECIPES)))
        return
    ignored = ignore or []
    for name in ignored:
        if name not in RULES:
            raise UserError(f"--ignore {name}: no such rule; firsthand doctor --rules lists them")
    imports = environment if environment is not None else not recipe
    process = machine.start_probe() if imports else None
    facts = machine.facts() if environment is not False else None
    files = recipes.expand(recipe or [])
    paths = [path for path, _ in files]
    asked = fitting.asked(paths, gpus, memory, (tokens, answer_tokens), model, overrides or ())
    checked = [recipes.check(path, named, facts, gpus if asked else None) for path, named in files]
    fits = fitting.reckon(files, asked)
    found: list = []
    if facts is not None:
        health = machine.finish_probe(process) if imports else None
        facts |= machine.seen_by_torch(health)
        found = [*versions.check(), *machine.check(facts, health)]
    report = output.Report(
        facts,
        tuple(finding for finding in found if finding.rule not in ignored),
        tuple(one.without(ignored) for one in checked),
        strict,
        fits.without(ignored),
    )
    if as_json:
        typer.echo(output.as_json(report))
    else:
        output.show(report)
    raise typer.Exit(0 if report.ok else 1)
