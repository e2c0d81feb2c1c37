"""`firsthand select`: interaction regions, and which rows of a pool are worth training on."""

import typer

from firsthand.selection import run_commands

app = typer.Typer(no_args_is_help=True, help="Interaction regions, and which rows are worth training on.")
app.command()(run_commands.run)
app.command("filter")(run_commands.filter_)
