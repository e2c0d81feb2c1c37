"""Shards of clips out of Ego-Exo4D and of images out of folders or a frame store; a stopped build goes on.

What goes into which shard is planned first and is the same in every run; then each shard is written by one process. A
shard with an index is finished. Neighbours in time are nearly equal, so takes and images are put in an order of their
hashes: any shard is a fair sample of all.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from firsthand import files
from firsthand.egoagent.data import egoexo
from firsthand.egoagent.data.egoexo import Dropped, TakeFiles
from firsthand.egoagent.data.pictures import at_size
from firsthand.egoagent.data.pieces import LONGEST, Piece, Step, actions, cut, runs
from firsthand.egoagent.data.shard_files import MANIFEST, Index, Manifest, Sample, Shard, index_path, write_shard
from firsthand.errors import UserError
from firsthand.workers import default_workers, mapped

PER_SHARD = 1000  # images
DROPPED = "dropped.jsonl"
Progress = Callable[[str, int, int], None]  # what is done, done, in total


@dataclass(frozen=True)
class ImageFile:
    key: str
    path: Path


@dataclass(frozen=True)
class TakePiece:
    take: TakeFiles
    piece: Piece


def build_images(out: Path, images: list[ImageFile], size: int | None, progress: Progress) -> Manifest:
    ordered = sorted(images, key=lambda image: _hash(image.key))
    groups = [ordered[start : start + PER_SHARD] for start in range(0, len(ordered), PER_SHARD)]
    return _build(out, Manifest(kind="images", height=0, width=0, shards=[]), groups, size, None, [], progress)


def build_clips(
    out: Path, root: Path, split: str, source: egoexo.Source, step: Step, size: int | None, progress: Progress
) -> Manifest:
    release = egoexo.open_release(root, split, source)
    bodies = sorted(release.bodies, key=lambda body: _hash(body.stem))
    pieces: list[TakePiece] = []
    dropped: list[Dropped] = []
    for done, (found, why) in enumerate(mapped(partial(_pieces, release, step), bodies, default_workers()), 1):
        pieces += found
        dropped += why
        progress("takes", done, len(bodies))
    facts = Manifest(
        kind="clips", height=0, width=0, every=step.every, poses=step.poses, joints=len(egoexo.JOINTS),
        longest=LONGEST, shards=[],
    )  # fmt: skip
    return _build(out, facts, list(_packed(pieces)), size, step, dropped, progress)


def _pieces(release: egoexo.Release, step: Step, path: Path) -> tuple[list[TakePiece], list[Dropped]]:
    take = release.take(path)
    if isinstance(take, Dropped):
        return [], [take]
    body = _body(take)
    if body.gap * step.poses != step.every:
        rate = f"a pose every {body.gap} frames"
        return [], [Dropped(take.name, f"{rate}, not {step.poses} in the {step.every} frames between two images")]
    images = egoexo.image_frames(take.images)
    found = [TakePiece(take, piece) for run in runs(list(images), body, step) for piece in cut(*run, step)]
    used = {frame for one in found for frame in range(one.piece.first, one.piece.first + one.piece.images * step.every)}
    left = [frame for frame in images if frame not in used]
    why = f"{len(left)} of {len(images)} images are in no clip: a gap in poses or images, or not every {step.every}th"
    return found, [Dropped(take.name, why)] if left else []


@lru_cache(maxsize=2)
def _body(take: TakeFiles) -> egoexo.Body:
    return egoexo.read_body(take)


def _packed(pieces: Iterable[TakePiece]) -> Iterator[list[TakePiece]]:
    group: list[TakePiece] = []
    for piece in pieces:
        if group and sum(one.piece.images for one in group) + piece.piece.images > PER_SHARD:
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _build(
    out: Path,
    facts: Manifest,
    groups: list[list[Any]],
    size: int | None,
    step: Step | None,
    dropped: list[Dropped],
    progress: Progress,
) -> Manifest:
    if not groups:
        reasons = "; ".join(f"{one.what}: {one.why}" for one in dropped[:3]) or "nothing was found"
        raise UserError(f"no sample for {out}: {reasons}")
    with files.alone(out, "build of shards"):
        _claim(out, facts, groups, size)
        names = [f"shard-{number:06}.tar" for number in range(len(groups))]
        missing = [(out / name, group) for name, group in zip(names, groups, strict=True) if not _finished(out / name)]
        there = len(names) - len(missing)
        for done, _ in enumerate(mapped(partial(_write, size, step), missing, default_workers()), there + 1):
            progress("shards", done, len(names))
        return _finish(out, facts, names, dropped)


def _claim(out: Path, facts: Manifest, groups: list[list[Any]], size: int | None) -> None:
    """A folder holds shards of one plan."""
    plan, wanted = out / "plan.json", {"plan": _hash(repr(groups)), "size": size, **facts.model_dump()}
    if plan.exists():
        if files.read_json(plan) != wanted:
            raise UserError(f"{out} holds shards of other data or options; choose another folder or delete this one")
    elif any(path.name != ".lock" for path in out.iterdir()):
        raise UserError(f"{out} is not empty and holds no shards (no plan.json); choose another folder")
    else:
        files.write_json(plan, wanted)


def _finished(shard: Path) -> bool:
    return index_path(shard).exists() and shard.exists()


def _write(size: int | None, step: Step | None, job: tuple[Path, list[Any]]) -> None:
    path, group = job
    sizes: set[tuple[int, int]] = set()

    def picture(file: Path) -> bytes:
        content, shape = at_size(file, size)
        sizes.add(shape)
        if len(sizes) > 1:
            raise UserError(f"{file} is {shape[0]} x {shape[1]}, others are not; give --size, which makes them equal")
        return content

    samples = (_image(one, picture) if step is None else _clip(one, step, picture) for one in group)
    index = write_shard(path, samples)
    [(width, height)] = sizes
    index.facts = {"width": width, "height": height}
    if step is not None:
        index.facts |= {"images": [one.piece.images for one in group], "starts": [one.piece.starts for one in group]}
    files.write_text(index_path(path), index.model_dump_json())


def _image(one: ImageFile, picture: Callable[[Path], bytes]) -> Sample:
    return one.key, {"jpg": picture(one.path), "json": json.dumps({"file": one.path.name}).encode()}


def _clip(one: TakePiece, step: Step, picture: Callable[[Path], bytes]) -> Sample:
    take, piece = one.take, one.piece
    places, visible = actions(_body(take), piece, step)
    meta = {"take_uid": take.uid, "take_name": take.name, **asdict(piece), **asdict(step)}
    members = {"json": json.dumps(meta).encode(), "poses.npy": _npy(places), "visible.npy": _npy(visible)}
    images = egoexo.image_frames(take.images)
    for number in range(piece.images):
        members[f"{number:06}.jpg"] = picture(images[piece.first + number * step.every])
    return f"{take.name.replace('.', '-')}_{piece.first}", members


def _npy(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.save(target, array)
    return target.getvalue()


def _finish(out: Path, facts: Manifest, names: list[str], dropped: list[Dropped]) -> Manifest:
    shards, shapes = [], set()
    for name in names:
        index = Index.model_validate(files.read_json(index_path(out / name)))
        shapes.add((index.facts.pop("height"), index.facts.pop("width")))
        shards.append(Shard(name=name, bytes=index.bytes, samples=len(index.first) - 1, **index.facts))
    if len(shapes) > 1:
        raise UserError(f"{out}: images of {len(shapes)} sizes; build again into another folder with --size")
    [(height, width)] = shapes
    files.write_jsonl(out / DROPPED, map(asdict, dropped))
    made = facts.model_copy(update={"height": height, "width": width, "dropped": len(dropped), "shards": shards})
    files.write_text(out / MANIFEST, made.model_dump_json(indent=1))
    return made


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
