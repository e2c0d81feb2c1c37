"""The ways to choose rows, by their name in a recipe."""

from typing import Annotated

from pydantic import Field

from firsthand.selection.baselines import S1, Full, Greso, Limo, Limr, PassRate, Random
from firsthand.selection.csm import Csm

Method = Annotated[Csm | Full | Random | PassRate | S1 | Limo | Limr | Greso, Field(discriminator="name")]
