"""A finder over all rows of a data set, into a file of regions.

Each region is kept in OUT.log as soon as it is found, so a killed run goes on where it was and a longer data set costs
its new rows only. A row without readable pictures gets no region: it is listed in OUT.missing.jsonl, with why, and
tried again next time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.errors import UserError
from firsthand.llm.ask_many import same_run
from firsthand.llm.row_log import RowLog
from firsthand.selection import region_file
from firsthand.selection.region_file import Region
from firsthand.selection.regions.finders import Finder
from firsthand.selection.regions.shown import Pictures, Shown


@dataclass
class Outcome:
    regions: list[Region]
    resumed: int
    missing: dict[str, str] = field(default_factory=dict)  # row -> why it has no region


def find_all(
    rows: Mapping[str, Shown],
    finder: Finder,
    pictures: Callable[[Shown], Pictures],
    out: Path,
    settings: Mapping[str, Any],
    tick: Callable[[int, int], None],
) -> Outcome:
    """`settings` are all that the regions depend on; a file that was begun with others is refused."""
    missing: dict[str, str] = {}
    with RowLog(f"{out}.log") as log:
        resumed = len(log.rows)
        same_run(log, rows, settings)
        for number, (name, row) in enumerate(rows.items(), 1):
            if name not in log.rows:
                try:
                    region = _region(row, finder, pictures(row))
                except UserError as error:
                    missing[name] = str(error)
                else:
                    known = {"id": name, "messages_sha256": row.messages_sha256, "settings": dict(settings)}
                    log.append(known | {"region": region.model_dump(mode="json")})
            tick(number, len(rows))
        regions = [Region.model_validate(log.rows[name]["region"]) for name in rows if name in log.rows]
    region_file.write(out, regions)
    listed = Path(f"{out}.missing.jsonl")
    if missing:
        files.write_jsonl(listed, ({"id": name, "why": why} for name, why in missing.items()))
    else:
        listed.unlink(missing_ok=True)
    return Outcome(regions, resumed, missing)


def _region(row: Shown, finder: Finder, pictures: Pictures) -> Region:
    found = finder.find(row, pictures)
    crop = found.crop and (pictures.numbers[found.crop[0]], found.crop[1])
    return Region(
        id=row.question.id, finder=finder.name, model=finder.model, size=pictures.size, frames=pictures.numbers,
        boxes=found.boxes, crop=crop, margin=found.margin,
    )  # fmt: skip
