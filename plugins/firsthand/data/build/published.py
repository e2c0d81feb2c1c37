"""What is built against what its owner publishes: how many questions there are of each kind, and which media lack."""

from collections import Counter
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.data.build.release import Release
from firsthand.rollout.prompt import media_of


def differences(release: Release, built: Path, root: Path) -> dict[str, int]:
    """Sentences about what is missing, each with a number that it begins with."""
    rows = list(files.read_jsonl(built)) if release.counts or release.media else []
    return _other_counts(release, rows) | (_missing(release, rows, root) if release.media else {})


def _other_counts(release: Release, rows: list[dict[str, Any]]) -> dict[str, int]:
    keys = {kind.partition(":")[0] for kind in release.counts}
    found = Counter(f"{key}: {row[key]}" for row in rows for key in keys & row.keys()) + Counter(all=len(rows))
    where = f"are published; get the whole release: {release.kept_at}"
    return {
        f"questions ({kind}), and {count} {where}": found[kind]
        for kind, count in release.counts.items()
        if found[kind] != count
    }


def _missing(release: Release, rows: list[dict[str, Any]], root: Path) -> dict[str, int]:
    media = {path for row in rows for path in media_of(row)}
    if not (missing := sorted(path for path in media if not (root / path).is_file())):
        return {}
    return {
        f"of {len(media)} media files are missing, the first is {missing[0]}; they are {release.media}": len(missing)
    }
