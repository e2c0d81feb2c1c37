"""`firsthand <noun> <verb>`: one table of nouns; a room's commands are imported only when its noun is used."""

import importlib

import typer
import typer.main
from typer.core import TyperGroup

from firsthand.errors import message_of

NOUNS = {  # noun -> (ROOM of firsthand.ROOM.commands, whose `app` is a typer.Typer, and the help line)
    "toy": ("toy", "Build and check the synthetic egocentric week and the tiny models."),
    "data": ("data", "Data sets: built from their releases, checked, compared and shown."),
    "doctor": ("doctor", "Check this machine and a recipe before GPUs are booked."),
    "reward": ("rewards", "Try the reward function of a recipe: on all its rows, or on one text."),
    "eval": ("evals", "Ask a model held-out questions and score the answers."),
    "submit": ("evals.submissions", "The file that a benchmark's server takes, checked."),
    "select": ("selection", "Interaction regions, and which rows are worth training on."),
    "media": ("media", "Take frames out of videos into a store with true times."),
    "view": ("pages.run", "One page of a run: curves, tools, every trajectory turn by turn."),
    "report": ("pages.report", "One self-contained HTML page from a run."),
    "export": ("serving", "Merge an adapter and prove that the merged model is the same model."),
    "publish": ("publish", "A model or data set for a hub: its card with results, its files, a dry run."),
    "memory": ("memory", "Written memories of weeks and videos: build, import, search, show."),
    "tools": ("tools", "The tools over week-long video: serve them, call one, list schemas."),
    "cott": ("chains", "Chains of tool calls: a teacher writes them, rules keep some, rows come out."),
    "curriculum": ("curriculum", "An evolving curriculum: probe the policy, and change its rows when due."),
    "chat": ("chat", "Talk with an agent about a week of video, and watch it call its tools."),
    "egoagent": ("egoagent", "EgoAgent: one model that represents what is seen, predicts what comes, and acts."),
    "demo": ("demo", "SFT, export, GRPO, serving and evaluation on the toy week, end to end."),
}
MORE = {"eval": ("pages.results",)}  # rooms with further verbs of a noun, because the noun's own may not import them


class LazyGroup(TyperGroup):
    """A group that shows its nouns without importing them; a noun's module is imported when the noun is run."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except Exception as error:
            if (message := message_of(error)) is None:
                raise
            from firsthand.llm.keys import redact

            typer.secho(f"error: {redact(message)}", fg="red", err=True)
            raise typer.Exit(1) from None

    def list_commands(self, ctx):
        return list(NOUNS)

    def get_command(self, ctx, cmd_name):
        return TyperGroup(name=cmd_name, help=NOUNS[cmd_name][1]) if cmd_name in NOUNS else None

    def resolve_command(self, ctx, args):
        name, placeholder, rest = super().resolve_command(ctx, args)
        if name is None or placeholder is None:
            return name, placeholder, rest
        room = _app(NOUNS[name][0])
        room._add_completion = False  # its own --install-completion would be that of another program
        command = typer.main.get_command(room)
        for other in MORE.get(name, ()):
            assert isinstance(command, TyperGroup)
            command.commands.update(typer.main.get_group(_app(other)).commands)
        command.name = name
        return name, command, rest


def _app(room: str) -> typer.Typer:
    return importlib.import_module(f"firsthand.{room}.commands").app


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)


@app.callback()
def main() -> None:
    """Post-training of egocentric-video reasoning models on LLaMA-Factory and veRL."""


if __name__ == "__main__":
    app()
