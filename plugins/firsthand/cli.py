"""`firsthand <noun> <verb>`: one table of nouns; a room's commands are imported only when its noun is used."""

import importlib

import typer
import typer.main
from typer.core import TyperGroup

from firsthand.errors import UserError

# noun -> (module whose `app` is a typer.Typer, help line)
NOUNS = {
    "toy": ("firsthand.toy.commands", "Build and check the synthetic egocentric week and the tiny models."),
    "data": ("firsthand.data.commands", "Data sets: built from their releases, checked, compared and shown."),
    "doctor": ("firsthand.doctor.commands", "Check this machine and a recipe before GPUs are booked."),
    "eval": (
        "firsthand.evals.commands",
        "Ask a model held-out questions and score the answers.",
    ),
    "submit": ("firsthand.evals.egocross.commands", "The file that a benchmark's server takes, checked."),
    "media": ("firsthand.media.commands", "Take frames out of videos into a store with true times."),
    "view": ("firsthand.pages.run.commands", "One page of a run: curves, tools, every trajectory turn by turn."),
    "report": ("firsthand.pages.report.commands", "One self-contained HTML page from a run."),
    "export": ("firsthand.serving.commands", "Merge an adapter and prove that the merged model is the same model."),
    "memory": ("firsthand.memory.commands", "Written memories of weeks and videos: build, import, search, show."),
    "tools": ("firsthand.tools.commands", "The tools over week-long video: serve them, call one, list schemas."),
    "cott": (
        "firsthand.chains.commands",
        "Chains of tool calls: a teacher writes them, rules keep some, rows come out.",
    ),
    "chat": ("firsthand.chat.commands", "Talk with an agent about a week of video, and watch it call its tools."),
    "demo": ("firsthand.demo.commands", "SFT, export, GRPO, serving and evaluation on the toy week, end to end."),
}


class LazyGroup(TyperGroup):
    """A group whose own help needs its nouns' help lines only; a noun is imported when it is resolved to be run."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.secho(f"error: {error}", fg="red", err=True)
            raise typer.Exit(1) from None

    def list_commands(self, ctx):
        return list(NOUNS)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in NOUNS:
            return None
        command = typer.main.get_command(_placeholder(NOUNS[cmd_name][1]))
        command.name = cmd_name
        return command

    def resolve_command(self, ctx, args):
        name, placeholder, rest = super().resolve_command(ctx, args)
        if name is None or placeholder is None:
            return name, placeholder, rest
        room = importlib.import_module(NOUNS[name][0]).app
        room._add_completion = False  # its own --install-completion would be that of another program
        command = typer.main.get_command(room)
        command.name = name
        return name, command, rest


def _placeholder(help_line: str) -> typer.Typer:
    stub = typer.Typer(no_args_is_help=True)
    stub.callback(help=help_line)(lambda: None)
    return stub


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Post-training of egocentric-video reasoning models on LLaMA-Factory and veRL.",
)


@app.callback()
def main() -> None:
    """Post-training of egocentric-video reasoning models on LLaMA-Factory and veRL."""


if __name__ == "__main__":
    app()
