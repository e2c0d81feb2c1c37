"""`toy check`: all proofs about a built week, the costly ones on a sample or on everything."""

from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.markup import escape

from firsthand.findings import Printer
from firsthand.toy.week.check_memory import check_memory
from firsthand.toy.week.check_questions import check_questions
from firsthand.toy.week.check_splits import check_splits
from firsthand.toy.week.check_videos import check_files, check_pixels
from firsthand.toy.week.findings import Findings
from firsthand.toy.week.folder import Row, load
from firsthand.toy.week.plan import Clip
from firsthand.workers import default_workers, mapped

SAMPLE = 24  # how many clips are decoded unless all are
BUILD_AGAIN = "remove the files that are wrong, and build the week again with the same options"


def check(
    out: Path, all_clips: bool = False, progress: Callable[[int, int], None] = lambda done, total: None
) -> Findings:
    folder = load(out)
    found = Findings()
    for part in (check_files, check_memory, check_questions, check_splits):
        found.merge(part(folder))
    asked: dict[str, list[Row]] = defaultdict(list)
    for row in folder.all_questions():
        asked[row.get("clip", "")].append(row)
    clips = folder.all_clips() if all_clips else _sample(folder.all_clips(), set(asked))
    broken = {finding.key for finding in found.failed if finding.rule == "files"}
    sound = [(clip, asked[clip.video]) for clip in clips if clip.video not in broken]
    for done, look in enumerate(mapped(partial(_look, out), sound, default_workers()), 1):
        found.merge(look)
        progress(done, len(sound))
    found.failed.sort(key=lambda finding: (finding.rule, finding.key or ""))
    return found


def _look(out: Path, asked: tuple[Clip, list[Row]]) -> Findings:
    return check_pixels(out, *asked)


def _sample(clips: list[Clip], asked: set[str]) -> list[Clip]:
    """Clips spread evenly over the week, chosen from those with questions if there are any."""
    clips = [clip for clip in clips if clip.video in asked] or clips
    return clips[:: max(1, len(clips) // SAMPLE)]


def show(found: Findings) -> None:
    """One line per proof, with everything that failed in it by its id."""
    printer, failed = Printer(), Counter(finding.rule for finding in found.failed)
    for proof in sorted(found.looked_at | failed):
        text = escape(f"{proof}: {found.looked_at[proof]:,} looked at, {failed[proof]:,} failed")
        details = [escape(f"{finding.key}: {finding.message}") for finding in found.failed if finding.rule == proof]
        printer.finding("error" if details else "ok", text, BUILD_AGAIN if details else "", details)
    printer.verdict(not found.failed, {"error": len(found.failed)})
