"""`firsthand data ...`: data sets and what is wrong with them."""

import typer

from firsthand.data.commands_check import check

app = typer.Typer(no_args_is_help=True, help="Data sets: checked before they cost GPU hours.")
app.command()(check)


@app.callback()
def main() -> None:
    """Data sets: checked before they cost GPU hours."""
