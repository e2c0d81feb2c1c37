"""`firsthand select`: interaction regions, and which rows of a pool are worth training on."""

import typer

from firsthand.selection import run_commands
from firsthand.selection.regions import commands as regions

app = typer.Typer(no_args_is_help=True, help="Interaction regions, and which rows are worth training on.")
for command in (regions.regions, regions.region_table, regions.calibrate, regions.embed, run_commands.run):
    app.command()(command)
app.command("filter")(run_commands.filter_)
