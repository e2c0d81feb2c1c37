"""The arguments that tools share: strict models, and times as a model writes them."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from firsthand import clock
from firsthand.errors import UserError
from firsthand.tools.protocol import WrongArguments


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False, strict=True)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


Question = Annotated[str, Field(min_length=1, max_length=2000, examples=["What am I holding?"])]
Timestamp = Annotated[
    str, BeforeValidator(_first), Field(max_length=32, description="DAYx_HHMMSSFF", examples=["DAY1_11210217"])
]
Range = Annotated[
    str, Field(max_length=64, description="DAYx_HHMMSSFF-DAYx_HHMMSSFF", examples=["DAY1_11210217-DAY1_11220217"])
]


def moment(text: str) -> float:
    try:
        return clock.parse(text)
    except UserError as error:
        raise WrongArguments(str(error)) from None


def span(text: str) -> tuple[float, float]:
    try:
        return clock.parse_range(text)
    except UserError as error:
        raise WrongArguments(str(error)) from None
