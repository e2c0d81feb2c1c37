"""What is built against what its owner publishes: how many questions there are of each kind, and which media lack."""

from collections import Counter
from pathlib import Path

from firsthand import files
from firsthand.data.build.release import Release


def differences(release: Release, rows: Path, root: Path) -> Counter[str]:
    """Sentences about what is missing, with how much of it."""
    found, media = Counter[str](), set[str]()
    for row in files.read_jsonl(rows):
        found.update(["all", *(f"{key}: {value}" for key, value in row.items() if isinstance(value, str))])
        media |= {*row.get("images", ()), *row.get("video", ()), *filter(None, [row.get("video_file")])}
    said = Counter[str]()
    for kind, count in release.counts.items():
        if found[kind] != count:
            said[f"questions ({kind}), and {count} are published; get the whole release: {release.kept_at}"] = found[
                kind
            ]
    missing = sorted(path for path in media if not (root / path).is_file()) if release.media else []
    if missing:
        said[f"of {len(media)} media files are missing, the first is {missing[0]}; they are {release.media}"] = len(
            missing
        )
    return said
