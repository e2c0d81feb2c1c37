"""Proofs about files and pixels: a common decoder reads every clip, and it shows what the truth and the boxes say.

Every clip is opened, counted and measured; decoding and looking is for a sample, because it is what costs time.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

from firsthand import clock
from firsthand.toy.week import read_frame, video, world
from firsthand.toy.week.build import VERBS
from firsthand.toy.week.check_questions import options
from firsthand.toy.week.findings import Claims, Findings
from firsthand.toy.week.folder import Folder, Row
from firsthand.toy.week.motion import COCO_JOINTS
from firsthand.toy.week.plan import FRAMES, Clip
from firsthand.toy.week.world import HEIGHT, WIDTH

LOOK_EVERY = 40  # every 40th frame of a sampled clip is checked, and the moments of its questions
STRAY = 100  # pixels outside a box: blurred outlines make up to 50, a misplaced hand hundreds
SKIN_SHARE = 0.2  # least share of skin in a hand's box over a clip; fingers around a thing show less than an open hand


def check_files(folder: Folder) -> Findings:
    found = Findings()
    for identity, clips in folder.clips.items():
        wanted = folder.size.days * folder.size.sessions * folder.size.clips
        found.require(len(clips) == wanted, "files", identity, f"{len(clips)} clips in truth, {wanted} by the manifest")
        on_disk = {str(path.relative_to(folder.out)) for path in (folder.out / identity).rglob("*.mp4")}
        for extra in sorted(on_disk - {clip.video for clip in clips}):
            found.require(False, "files", extra, "a video that truth does not know")
        for clip in clips:
            found.prove("files", clip.video, _header(folder.out / clip.video))
            found.prove("boxes", clip.video, _arrays(folder.out, clip))
    return found


def _header(path: Path) -> Claims:
    try:
        header = video.header(path)
    except (av.error.FFmpegError, IndexError, OSError) as error:
        yield False, f"no decoder opens it ({error}); delete it and build again"
        return
    wanted = video.Header(WIDTH, HEIGHT, clock.FPS, FRAMES, clock.CLIP)
    yield header == wanted, f"is {header}, should be {wanted}"


def _arrays(out: Path, clip: Clip) -> Claims:
    boxes, joints = _read(out, "boxes", clip), _read(out, "pose", clip)["joints"]
    states = [clip.state(frame) for frame in range(FRAMES)]
    things = [world.OBJECTS.index(state.thing) if state.thing else -1 for state in states]
    verbs = [VERBS.index(state.verb) if state.verb else -1 for state in states]
    yield np.array_equal(boxes["thing"], things), "`thing` is not what truth says"
    yield np.array_equal(boxes["verb"], verbs), "`verb` is not what truth says"
    present = (boxes["interaction"] >= 0).all(1)
    yield np.array_equal(present, boxes["verb"] >= 0), "an interaction without its box"
    yield joints.shape == (FRAMES, len(COCO_JOINTS), 3), f"pose of shape {joints.shape}"
    for hand in world.HANDS:
        x, y, visible = joints[:, COCO_JOINTS.index(f"{hand}_wrist")].T
        x0, y0, x1, y1 = boxes[hand].T
        inside = (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
        yield (inside | (visible == 0)).all(), f"{hand} wrist outside the hand's box"


def _read(out: Path, kind: str, clip: Clip) -> dict[str, np.ndarray]:
    path = out / f"{kind}/{clip.path}.npz"
    if not path.is_file():
        raise ValueError(f"{path} is missing; delete the clip's video and build again")
    with np.load(path) as arrays:
        return dict(arrays)


def check_pixels(out: Path, clip: Clip, questions: Iterable[Row]) -> Findings:
    """Decodes one clip and looks at it; a question whose moment it shows is answered from its pixels."""
    found = Findings()
    with found.about("pixels", clip.video):
        asked = {clock.frame_at(0.0, row["moment"]): row for row in questions}
        arrays, shares = _read(out, "boxes", clip), []
        for number, frame in _looked_at(out / clip.video, asked, found, clip.video):
            view, boxes = read_frame.read(frame), {key: arrays[key][number] for key in (*world.HANDS, "interaction")}
            claims = _frame(view, clip.state(number), boxes)
            found.require_all("pixels", f"{clip.video} frame {number}", claims)
            shares.append([_cut(view.skin, boxes[hand]).mean() for hand in world.HANDS])
            if number in asked:
                found.prove("answers in pixels", asked[number]["ID"], _answer(view, asked[number]))
        for hand, share in zip(world.HANDS, np.mean(shares, 0), strict=True):
            message = f"only {share:.0%} skin in the {hand} hand's box"
            found.require(share >= SKIN_SHARE, "pixels", clip.video, message)
    return found


def _looked_at(path: Path, asked: Iterable[int], found: Findings, name: str) -> Iterator[tuple[int, np.ndarray]]:
    count = 0
    try:
        for number, frame in enumerate(video.decode(path)):
            count += 1
            if number % LOOK_EVERY == 0 or number in asked:
                yield number, frame
    except (av.error.FFmpegError, OSError) as error:
        found.require(False, "pixels", name, f"decoding stops after {count} frames ({error})")
    found.require(count == FRAMES, "pixels", name, f"{count} frames decode, {FRAMES} should")


def _frame(view: read_frame.Seen, state: world.State, boxes: dict[str, np.ndarray]) -> Claims:
    yield view.room == state.room, f"shows the {view.room}, truth says {state.room}"
    if state.verb in (None, "hold", *world.USES):  # the thing is in the resting hand
        yield view.held == state.thing, f"shows {view.held} in the hand, truth says {state.thing}"
        yield view.table == state.table, f"shows {view.table}, truth says {state.table}"
    stray = (view.skin & ~_inside(boxes["left"], boxes["right"]))[read_frame.HANDS_ONLY :].sum()
    yield stray <= STRAY, f"{stray} pixels of skin outside the hands' boxes"
    stray = (view.held_pixels & ~_inside(boxes["interaction"])).sum()
    yield stray <= STRAY, f"{stray} pixels of the held thing outside the interaction box"


def _inside(*boxes: np.ndarray) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for x0, y0, x1, y1 in boxes:
        mask[max(y0 - 2, 0) : max(y1 + 2, 0), max(x0 - 2, 0) : max(x1 + 2, 0)] = True
    return mask


def _cut(mask: np.ndarray, box: np.ndarray) -> np.ndarray:
    x0, y0, x1, y1 = box
    return mask[y0:y1, x0:x1]


def _answer(view: read_frame.Seen, row: Row) -> Claims:
    shown = (view.room, *view.table)
    if row["answerable_from"] == "interaction":
        missing = sorted(set(options(row).values()) - set(view.table))
        yield not missing, f"not on the table: {', '.join(missing)}"
        shown = (view.held,)
    right = [letter for letter, option in options(row).items() if option in shown]
    yield right == [row["answer"]], f"the pixels show {right}, the answer is {row['answer']}"
