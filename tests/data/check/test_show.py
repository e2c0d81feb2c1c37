"""One row as the model sees it: its frames with their times, its turns with their tokens, as text and as a page."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from firsthand.data.check.token_count import Counter
from firsthand.data.show import Medium, as_html, as_text, read_row, show
from firsthand.errors import UserError

from .conftest import QUESTION, Find, trained

FRAMES = [f"photo{number}.png" for number in range(4)]


def test_frames_have_their_times(find: Find, counter: Counter, model: Path) -> None:
    row = trained("<image>then <video>" + QUESTION, images=["odd0.png"], videos=[FRAMES])
    shown = show(find([trained(), row], video_fps=0.5, tokens=900, key="cutoff_len"), 2, counter, str(model))
    user = shown.turns[-2]
    media = [piece for piece in user.pieces if isinstance(piece, Medium)]
    text = as_text(shown)
    assert (user.role, shown.turns[-1].role, shown.turns[-1].learnt) == ("user", "assistant", True)
    assert media[0].names == ["odd0.png"]
    assert shown.vision == sum(medium.tokens for medium in media)
    if counter.stamps:  # frames at 0, 2, 4 and 6 s; a stamp is the mean of two
        assert [(medium.seconds, medium.names) for medium in media[1:]] == [("1.0", FRAMES[:2]), ("5.0", FRAMES[2:])]
        assert "[frames at 5.0 s: photo2.png ... photo3.png (2), 128 x 96" in text
    else:
        assert media[1].names == FRAMES
    assert f"{shown.tokens} tokens" in text
    assert "which thing do i hold ?" in text


def test_a_row_with_a_video_file_and_an_odd_number_of_frames(find: Find, counter: Counter, model: Path) -> None:
    shown = show(find([trained("<video>" + QUESTION, videos=["clip.mp4"])], video_fps=1.0), 1, counter, str(model))
    assert [name for medium in shown.media for name in medium.names] == [
        "clip.mp4 frame 0", "clip.mp4 frame 22", "clip.mp4 frame 44", "clip.mp4 frame 44",
    ]  # fmt: skip


class Page(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_holds_everything_and_runs_nothing(find: Find, counter: Counter, model: Path) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)> </div>"
    row = trained("<image><video>" + hostile, images=["photo0.png"], videos=[FRAMES])
    page = as_html(show(find([row]), 1, counter, str(model)))
    tags = Page(page).tags
    pictures = [attributes["src"] or "" for tag, attributes in tags if tag == "img"]
    assert len(pictures) == 5
    assert all(source.startswith("data:image/jpeg;base64,") for source in pictures)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags}
    assert "&lt;script&gt;alert(1)" in page


def test_rows_that_cannot_be_shown(find: Find, counter: Counter, model: Path) -> None:
    source = find([trained(), 7, trained("<image>", images=["gone.png"]), trained("<image>")])
    for number, says in (
        (5, "no row 5"),
        (2, "row 2: the row is not a JSON object"),
        (3, "gone.png"),
        (4, "1 <image> in the text for 0 media"),
    ):
        with pytest.raises(UserError, match=says):
            show(source, number, counter, str(model))
    assert read_row(source, 1).turns[0].text == QUESTION
