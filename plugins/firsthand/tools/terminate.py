"""`terminate`: the answer, and the end of the search. What it is worth is not decided here."""

from pathlib import Path

from pydantic import Field

from firsthand.tools.arguments import Arguments
from firsthand.tools.protocol import Context, Outcome
from firsthand.tools.settings import NoSettings as Settings
from firsthand.tools.shared import Shared

GIVES_IMAGES = False
NAME_IS_A_WORD = True


class TerminateArguments(Arguments):
    answer: str = Field(min_length=1, max_length=2000, description="The letter of an option, or N/A.", examples=["B"])


class Terminate:
    name = "terminate"
    description = Path(__file__).with_suffix(".txt").read_text().strip()
    arguments = TerminateArguments

    async def run(self, arguments: TerminateArguments, context: Context) -> Outcome:
        return Outcome("ok", f"The answer is {arguments.answer}.", data={"answer": arguments.answer})


def open_tool(shared: Shared, settings: Settings) -> Terminate:
    return Terminate()
