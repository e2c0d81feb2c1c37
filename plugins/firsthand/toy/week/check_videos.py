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
from firsthand.toy.week.findings import Findings
from firsthand.toy.week.folder import Folder
from firsthand.toy.week.motion import COCO_JOINTS
from firsthand.toy.week.plan import FRAMES, Clip
from firsthand.toy.week.world import HEIGHT, WIDTH

LOOK_EVERY = 40  # every 40th frame of a sampled clip is checked, and the moments of its questions
STRAY = 100  # pixels outside a box: blurred outlines make up to 50, a misplaced hand hundreds
SKIN_SHARE = 0.2  # least share of skin in a hand's box over a clip; fingers around a thing show less than an open hand
_BOXES = ("left", "right", "interaction")


def check_files(folder: Folder) -> Findings:
    found = Findings()
    for identity, clips in folder.clips.items():
        wanted = folder.size.days * folder.size.sessions * folder.size.clips
        found.require(len(clips) == wanted, "files", identity, f"{len(clips)} clips in truth, {wanted} by the manifest")
        on_disk = {str(path.relative_to(folder.out)) for path in (folder.out / identity).rglob("*.mp4")}
        for extra in sorted(on_disk - {clip.video for clip in clips}):
            found.require(False, "files", extra, "a video that truth does not know")
        for clip in clips:
            with found.about("files", clip.video):
                _check_header(folder.out / clip.video, clip.video, found)
            with found.about("boxes", clip.video):
                _check_arrays(folder.out, clip, found)
    return found


def _check_header(path: Path, name: str, found: Findings) -> None:
    try:
        header = video.header(path)
    except (av.error.FFmpegError, IndexError, OSError) as error:
        found.require(False, "files", name, f"no decoder opens it ({error}); delete it and build again")
        return
    wanted = video.Header(WIDTH, HEIGHT, clock.FPS, FRAMES, clock.CLIP)
    found.require(header == wanted, "files", name, f"is {header}, should be {wanted}")


def _check_arrays(out: Path, clip: Clip, found: Findings) -> None:
    boxes, joints = read_boxes(out, clip), _read_arrays(out / f"pose/{clip.path}.npz")["joints"]
    states = [clip.state(frame) for frame in range(FRAMES)]
    things = [world.OBJECTS.index(state.thing) if state.thing else -1 for state in states]
    verbs = [VERBS.index(state.verb) if state.verb else -1 for state in states]
    found.require(np.array_equal(boxes["thing"], things), "boxes", clip.video, "`thing` is not what truth says")
    found.require(np.array_equal(boxes["verb"], verbs), "boxes", clip.video, "`verb` is not what truth says")
    present = (boxes["interaction"] >= 0).all(1)
    found.require(np.array_equal(present, boxes["verb"] >= 0), "boxes", clip.video, "an interaction without its box")
    found.require(joints.shape == (FRAMES, len(COCO_JOINTS), 3), "boxes", clip.video, f"pose of shape {joints.shape}")
    for hand in world.HANDS:
        x, y, visible = joints[:, COCO_JOINTS.index(f"{hand}_wrist")].T
        x0, y0, x1, y1 = boxes[hand].T
        inside = (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
        found.require((inside | (visible == 0)).all(), "boxes", clip.video, f"{hand} wrist outside the hand's box")


def read_boxes(out: Path, clip: Clip) -> dict[str, np.ndarray]:
    return _read_arrays(out / f"boxes/{clip.path}.npz")


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise ValueError(f"{path} is missing; delete the clip's video and build again")
    with np.load(path) as arrays:
        return dict(arrays)


def check_pixels(out: Path, clip: Clip, questions: Iterable[dict]) -> Findings:
    """Decodes one clip and looks at it; a question whose moment it shows is answered from its pixels."""
    found = Findings()
    with found.about("pixels", clip.video):
        asked = {clock.frame_at(0.0, row["moment"]): row for row in questions}
        boxes, shares = read_boxes(out, clip), []
        for number, frame in _looked_at(out / clip.video, asked, found, clip.video):
            view, name = read_frame.read(frame), f"{clip.video} frame {number}"
            shares.append(
                _check_frame(view, clip.state(number), {key: boxes[key][number] for key in _BOXES}, found, name)
            )
            if number in asked:
                with found.about("answers in pixels", asked[number]["ID"]):
                    _check_answer(view, asked[number], found)
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


def _check_frame(
    view: read_frame.Seen, state: world.State, boxes: dict[str, np.ndarray], found: Findings, name: str
) -> list[float]:
    """The share of skin in the boxes of the left and of the right hand."""
    found.require(view.room == state.room, "pixels", name, f"shows the {view.room}, truth says {state.room}")
    if state.verb in (None, *STILL):
        message = f"shows {view.held} in the hand, truth says {state.thing}"
        found.require(view.held == state.thing, "pixels", name, message)
        found.require(view.table == state.table, "pixels", name, f"shows {view.table}, truth says {state.table}")
    stray = (view.skin & ~_inside([boxes["left"], boxes["right"]]))[read_frame.HANDS_ONLY :].sum()
    found.require(stray <= STRAY, "pixels", name, f"{stray} pixels of skin outside the hands' boxes")
    stray = (view.held_pixels & ~_inside([boxes["interaction"]])).sum()
    found.require(stray <= STRAY, "pixels", name, f"{stray} pixels of the held thing outside the interaction box")
    return [float(view.skin[y0:y1, x0:x1].mean()) for x0, y0, x1, y1 in (boxes["left"], boxes["right"])]


STILL = ("hold", *world.USES)  # the thing is in the resting hand


def _inside(boxes: list[np.ndarray]) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for x0, y0, x1, y1 in boxes:
        mask[max(y0 - 2, 0) : max(y1 + 2, 0), max(x0 - 2, 0) : max(x1 + 2, 0)] = True
    return mask


def _check_answer(view: read_frame.Seen, row: dict, found: Findings) -> None:
    options = {letter: row[f"choice_{letter.lower()}"] for letter in "ABCD"}
    if row["answerable_from"] == "interaction":
        right = [letter for letter, option in options.items() if option == view.held]
        missing = sorted(set(options.values()) - set(view.table))
        found.require(not missing, "answers in pixels", row["ID"], f"not on the table: {', '.join(missing)}")
    else:
        right = [letter for letter, option in options.items() if option in (view.room, *view.table)]
    message = f"the pixels show {right}, the answer is {row['answer']}"
    found.require(right == [row["answer"]], "answers in pixels", row["ID"], message)
