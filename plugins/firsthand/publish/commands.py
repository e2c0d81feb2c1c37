"""`firsthand publish`: a card with results, the files that go to a hub, and the hub's own command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from firsthand.errors import UserError

if TYPE_CHECKING:
    from firsthand.publish.stage import Staged

app = typer.Typer(no_args_is_help=True, help="A model or a data set for a hub: its card with results, and its files.")
Repo = Annotated[str, typer.Option(help="OWNER/NAME on the hub.")]
Hub = Annotated[Literal["hf", "modelscope"], typer.Option(help="Hugging Face or ModelScope.")]
Out = Annotated[Path | None, typer.Option(help="The folder that is made; default: publish/HUB/OWNER_NAME.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Make the folder and say what would go; use no network.")]


@app.command()
def model(
    folder: Annotated[Path, typer.Argument(help="A model or adapter, such as one of `firsthand export`.")],
    repo: Repo,
    runs: Annotated[list[Path] | None, typer.Option("--run", help="Folder of `eval run`; may be given again.")] = None,
    base: Annotated[str | None, typer.Option(help="The base model on the hub, such as Qwen/Qwen3-VL-4B-Instruct.")] = (
        None
    ),
    licence: Annotated[str, typer.Option(help="The hub's identifier, such as apache-2.0.")] = "other",
    hub: Hub = "hf",
    out: Out = None,
    dry_run: DryRun = False,
) -> None:
    """A model with its card: results with intervals, how they were asked, and what is unknown.

    Example: firsthand publish model models/grpo --repo me/ego-4b --run runs/egocross/grpo --dry-run
    """
    from firsthand.publish.stage import stage_model

    _finish(stage_model(folder, _checked(repo), hub, out or _out(hub, repo), runs or [], base, licence), dry_run)


@app.command()
def data(
    name: Annotated[str, typer.Argument(help="A data set of `firsthand data build`.")],
    repo: Repo,
    folder: Annotated[Path | None, typer.Option(help="Where its rows are; default: datasets/NAME.")] = None,
    hub: Hub = "hf",
    out: Out = None,
    dry_run: DryRun = False,
) -> None:
    """Rows with their card: licence and terms of the owner, counts, hashes of the sources. Media never go along.

    Example: firsthand publish data ego_qa --repo me/ego-qa-rows --hub modelscope --dry-run
    """
    from firsthand.publish.stage import stage_data

    _finish(stage_data(name, _checked(repo), hub, out or _out(hub, repo), folder or Path("datasets") / name), dry_run)


def _checked(repo: str) -> str:
    owner, slash, name = repo.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise UserError(f"--repo {repo}: write OWNER/NAME")
    return repo


def _out(hub: str, repo: str) -> Path:
    return Path("publish") / hub / repo.replace("/", "_")


def _finish(staged: "Staged", dry_run: bool) -> None:
    from firsthand.publish.stage import upload

    for path in staged.files:
        typer.echo(f"{path.stat().st_size / 1e6:12.2f} MB  {path.name}")
    typer.echo(f"{'':12}     README.md")
    if staged.left:
        typer.echo(f"left behind: {', '.join(staged.left)}")
    typer.echo(f"{staged.folder}: {len(staged.files) + 1} files; {'would run' if dry_run else 'running'}: "
               f"{' '.join(staged.command)}")  # fmt: skip
    if not dry_run:
        upload(staged)
