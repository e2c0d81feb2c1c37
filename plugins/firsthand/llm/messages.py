"""A chat request as our files hold it: messages of text, images and videos, with the question that they put.

The parts of a message are strict: a key that is not read here (a pixel budget, say) would change what the model sees in
training only.
"""

from base64 import b64encode
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from firsthand.llm.reply_cache import key_of


def text_part(text: str) -> dict[str, Any]:
    """A part of a message as a chat server takes it."""
    return {"type": "text", "text": text}


def data_url(content: bytes, media_type: str = "image/jpeg") -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}"


def image_part(content: bytes, media_type: str = "image/jpeg") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_url(content, media_type)}}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Text(_Strict):
    type: Literal["text"]
    text: str


class Image(_Strict):
    type: Literal["image"]
    image: str  # a path below the media root


class Video(_Strict):
    type: Literal["video"]
    video: list[str] | str  # frames that were sampled already, in order of time; or a file, sampled as it is asked
    fps: float | None = Field(None, gt=0)  # of a list: frame i was taken i / fps seconds after the first
    span: tuple[float, float] | None = None  # of a file: the seconds that may be seen

    @model_validator(mode="after")
    def _frames_or_file(self) -> "Video":
        if not self.video:
            raise ValueError("a video is a list of frames or a file, this one is empty")
        if self.span and not isinstance(self.video, str):
            raise ValueError("a span is for a video file; a list of frames shows what it lists")
        if isinstance(self.video, str) == (self.fps is not None):
            raise ValueError("a list of frames has its fps, a video file has none: it is sampled as the recipe says")
        return self

    @model_serializer(mode="wrap")
    def _as_asked(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a span that is not there: questions of earlier runs keep their hash."""
        stored: dict[str, Any] = inner(self)
        return {key: value for key, value in stored.items() if key != "span" or value}


Part = Annotated[Text | Image | Video, Field(discriminator="type")]


class Message(_Strict):
    role: Literal["system", "user", "assistant"]
    content: str | list[Part]

    @property
    def parts(self) -> list[Part]:
        return [] if isinstance(self.content, str) else self.content


class Prompted(BaseModel):
    id: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    letters: str = "ABCD"  # none: the question is open
    follows: str | None = None  # the turn of a conversation that comes before this one

    @property
    def videos(self) -> list[Video]:
        return [part for message in self.messages for part in message.parts if isinstance(part, Video)]

    @property
    def video_file(self) -> str | None:
        return next((part.video for part in self.videos if isinstance(part.video, str)), None)

    @property
    def messages_sha256(self) -> str:
        return key_of([message.model_dump() for message in self.messages])

    @model_validator(mode="after")
    def _one_fps(self) -> "Prompted":
        if len(rates := {part.fps for part in self.videos if part.fps}) > 1:
            raise ValueError(f"videos of different fps {sorted(rates)}: a server takes one fps a request")
        if self.video_file and len(self.videos) > 1:
            raise ValueError("several videos, one of them a file: a server takes the times of one video a request")
        return self
