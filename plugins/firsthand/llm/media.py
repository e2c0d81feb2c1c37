"""Media of a question as a vLLM chat server takes them, byte for byte.

Images travel as `image_url` parts, by default with a base64 data URL of the file as it is on disk: no decoding, no
resizing here.

Video frames that were sampled before need more care, because Qwen3-VL writes a time stamp in front of every two frames
and a wrong one silently teaches or tests something else. What the server of vLLM 0.28 does (multimodal/media/video.py,
model_executor/models/qwen3_vl.py):

- `data:video/jpeg;base64,<frame>,<frame>,...` in a `video_url` part is read as a list of frames, each opened by its
  own magic bytes, so that PNG frames need no conversion either. The frames must all have one size.
- the time of frame i is `frames_indices[i] / fps`, and the stamp of a pair is the mean of its two. Without more, the
  indices are 0, 1, 2, ... and fps is 1. The true fps goes into the request body as `media_io_kwargs.video.fps`; `fps`
  in `mm_processor_kwargs` would be taken for a sampling rate and leaves the stamps wrong.
- only the first 32 frames are read unless `media_io_kwargs.video.num_frames` is -1.
- frames in this form are never sampled again (`do_sample_frames` is false), and the fps is part of the key of the
  server's media cache, so one clip asked at two rates is not mixed up.
- `media_io_kwargs` belongs to the request and not to the part: all videos of one request share one fps.

A video file is sampled here, as in training, and its frames travel as PNG, so that the server gets their very pixels;
`frames_indices` and the rate of the file give them their times.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image as PilImage

from firsthand.errors import UserError
from firsthand.llm.messages import Image, Message, Part, Prompted, Text, Video, image_part, text_part
from firsthand.media.orders import Order, arranged
from firsthand.media.paths import inside
from firsthand.media.reading import Clip, image_faults, read_clip

Reader = Callable[[Path | str, str], tuple[bytes, str]]
_MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def read_image(root: Path | str, path: str) -> tuple[bytes, str]:
    """The bytes of a JPEG or PNG file below `root` and its media type."""
    with image_faults(path):
        content = inside(root, path).read_bytes()
    for magic, media_type in _MAGIC.items():
        if content.startswith(magic):
            return content, media_type
    raise UserError(f"{path!r}: neither JPEG nor PNG")


def request_body(
    question: Prompted,
    root: Path | str,
    by_path: bool = False,
    read: Reader = read_image,
    sampling: Mapping[str, Any] | None = None,
    edit: Callable[[Clip], Clip] = lambda clip: clip,
    order: Order = "ordered",
) -> dict[str, Any]:
    """The media-dependent fields of a chat request: `messages` and, with videos, `media_io_kwargs`.

    `read` gives what is sent of a file; another one may keep it within a budget of pixels. By path, images are
    `file://` URLs, for a server on this machine with `--allowed-local-media-path`; frames of videos travel as bytes all
    the same, since a URL names one file. `sampling` is that of `read_clip`, whose frames `edit` may change.
    In another `order` other frames are shown at the same times, drawn anew for each question; all words stay.
    """
    file, clip = question.video_file, None
    if file:
        clip = edit(read_clip(inside(root, file), **(sampling or {}), span=question.videos[0].span))
        clip = replace(clip, frames=arranged(clip.frames, order, question.id))
    body: dict[str, Any] = {
        "messages": [
            {
                "role": message.role,
                "content": message.content
                if isinstance(message.content, str)
                else [_encoded(part, root, by_path, read, clip) for part in _in_order(message, order, question.id)],
            }
            for message in question.messages
        ]
    }
    for video in question.videos:
        facts = clip.facts if clip else {"fps": video.fps}
        body["media_io_kwargs"] = {"video": {"num_frames": -1, **facts}}
    return body


def _in_order(message: Message, order: Order, seed: str) -> list[Part]:
    """Pictures change places with pictures, frames of a list with others of their list."""
    images = iter(arranged([part for part in message.parts if isinstance(part, Image)], order, seed))
    return [next(images) if isinstance(part, Image) else _video_in_order(part, order, seed) for part in message.parts]


def _video_in_order(part: Text | Video, order: Order, seed: str) -> Text | Video:
    if isinstance(part, Text) or isinstance(part.video, str):
        return part
    return part.model_copy(update={"video": arranged(part.video, order, seed)})


def _encoded(part: Part, root: Path | str, by_path: bool, read: Reader, clip: Clip | None) -> dict[str, Any]:
    if isinstance(part, Text):
        return text_part(part.text)
    if isinstance(part, Image) and by_path:
        return {"type": "image_url", "image_url": {"url": inside(root, part.image).as_uri()}}
    if isinstance(part, Image):
        return image_part(*read(root, part.image))
    frames = map(png, clip.frames) if clip else (read(root, path)[0] for path in part.video)
    return {"type": "video_url", "video_url": {"url": f"data:video/jpeg;base64,{','.join(map(_base64, frames))}"}}


def png(frame: PilImage.Image) -> bytes:
    buffer = BytesIO()
    frame.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
