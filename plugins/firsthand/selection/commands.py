"""`firsthand select ...`: which rows are worth training on, and where in them hands meet things."""

import typer

from firsthand.selection.regions import commands as regions

app = typer.Typer(no_args_is_help=True, help="Interaction regions, and which rows are worth training on.")
for command in (regions.regions, regions.region_table, regions.calibrate, regions.embed):
    app.command()(command)
