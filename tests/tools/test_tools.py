"""The tools over a real week: its frame store, its memory, its truth."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from firsthand import clock, files
from firsthand.llm.faults import Unavailable
from firsthand.tools import config
from firsthand.tools.backends.base import Answer, Sight
from firsthand.tools.crop import Crop, crop
from firsthand.tools.environment import Environment
from firsthand.tools.frames import Frames
from firsthand.tools.protocol import Budget, Context, Outcome
from firsthand.tools.toolbox import Toolbox
from firsthand.tools.video_llm import PIECE, VideoLlm, pieces
from firsthand.tools.vlm import Vlm

SETTINGS = """
memory: {{store: {week}/memory.sqlite}}
video: {week}/store
backends: {{eyes: {{kind: oracle, root: {week}}}}}
tools: {{rag: , video_llm: {{backend: eyes}}, vlm: {{backend: eyes}}, frames: , crop: , terminate: }}
"""


@pytest.fixture(scope="module")
def toolbox(week: Path, tmp_path_factory: pytest.TempPathFactory) -> Toolbox:
    path = tmp_path_factory.mktemp("settings") / "tools.yaml"
    path.write_text(SETTINGS.format(week=week))
    return config.load(path)


class Week:
    """The first recorded stretch of a person and the one after it."""

    def __init__(self, folder: Path, source: str = "A1_JAKE"):
        clips = files.read_json(folder / f"truth/{source}.json")
        self.start = clock.parse(clips[0]["start"])
        self.end = clock.plus(self.start, 2 * clock.CLIP)
        self.next = clock.parse(clips[2]["start"])
        self.source, self.clips = source, clips

    def row(self, query_time: float | None, **budget: Any) -> Context:
        return Context(self.source, query_time, budget=Budget(**budget))


@pytest.fixture(scope="module")
def jake(week: Path) -> Week:
    return Week(week)


@pytest.mark.parametrize("name", ["rag", "video_llm", "vlm", "frames", "crop"])
def test_a_tool_knows_whom_it_has_nothing_of(toolbox: Toolbox, name: str) -> None:
    alone = Toolbox([toolbox.tools[name]])
    assert alone.lacks(Context("A1_JAKE", None)) is None and toolbox.lacks(Context("A1_JAKE", 0.0)) is None
    assert str(alone.lacks(Context("nobody", None))).startswith(f"{name}: there is no ")


def test_a_search_for_somebody_unknown_is_one_line_in_the_log(
    toolbox: Toolbox, caplog: pytest.LogCaptureFixture
) -> None:
    said = call(toolbox, "rag", Context("nobody", None), level="week", keywords=["cup"])
    assert (said.status, said.text) == ("infra_error", "rag is not available now: there is no memory of nobody.")
    assert len(caplog.text.splitlines()) == 1


def call(toolbox: Toolbox, name: str, row: Context, **arguments: Any) -> Outcome:
    return asyncio.run(toolbox.call(name, arguments, row))


def spelled(start: float, end: float) -> str:
    return clock.format_range(start, end)


def test_the_tools_and_their_schemas(toolbox: Toolbox) -> None:
    assert toolbox.names == ("rag", "video_llm", "vlm", "frames", "crop", "terminate")
    by_name = {schema["function"]["name"]: schema["function"] for schema in toolbox.schemas()}
    assert set(by_name["rag"]["parameters"]["properties"]) == {
        *("level", "keywords", "start_time", "query_time"),  # Ego-R1's
        "order",
    }
    assert by_name["rag"]["parameters"]["required"] == ["level", "keywords"]
    assert set(by_name["video_llm"]["parameters"]["required"]) == {"question", "range"}
    assert set(by_name["vlm"]["parameters"]["required"]) == {"question", "timestamp"}
    assert all(40 < len(function["description"]) < 400 for function in by_name.values())


def test_rag_answers_as_ego_r1s_server_does(toolbox: Toolbox, jake: Week) -> None:
    week = call(toolbox, "rag", jake.row(None), level="week", keywords=["table"])
    assert week.status == "ok" and set(week.data) == {"day_label", "relevant_content", "level", "exact_match"}
    hour = call(toolbox, "rag", jake.row(None), level="hour", keywords=["table"], start_time=clock.stamp(jake.start))
    assert set(hour.data) == {"date", "start_time", "relevant_content", "level", "exact_match"}
    assert clock.at(hour.data["date"], hour.data["start_time"]) == hour.spans[0][0]
    assert hour.text == f"{spelled(*hour.spans[0])}: {hour.data['relevant_content']}"


def test_an_order_adds_a_count_to_an_answer_and_nothing_else(toolbox: Toolbox, jake: Week) -> None:
    asked = {"level": "week", "keywords": ["table"]}
    plain = call(toolbox, "rag", jake.row(None), **asked)
    counted = call(toolbox, "rag", jake.row(None), **asked, order="relevance")
    line, _, rest = counted.text.partition("\n")
    first, last = clock.stamp(jake.start), clock.stamp(clock.plus(clock.parse(jake.clips[-1]["start"]), 30))
    assert line == f"{len(jake.clips)} matches, from {first} to {last}." and rest == plain.text
    assert plain.data["exact_match"] is False  # the summary of the day has no table, its clips have
    assert counted.data == {**plain.data, "matches": len(jake.clips), "exact_match": True}
    assert counted.spans == plain.spans
    partly = call(toolbox, "rag", jake.row(None), level="week", keywords=["table", "unicorn"], order="latest")
    assert partly.text.startswith(f"{len(jake.clips)} matches of 1 of 2 words, from {first}")
    one = call(toolbox, "rag", jake.row(clock.plus(jake.start, 30)), **asked, order="earliest")
    assert one.text.startswith(f"1 match, from {first}") and one.data["matches"] == 1
    none = call(toolbox, "rag", jake.row(None), level="week", keywords=["unicorn"], order="latest")
    assert none.text.startswith("0 matches.\n") and none.data["exact_match"] is False


def test_rag_finds_nothing_that_ends_after_the_query_time(toolbox: Toolbox, jake: Week) -> None:
    for query_time in (jake.end, jake.next, clock.plus(jake.start, 30), clock.plus(jake.start, 29)):
        outcome = call(toolbox, "rag", jake.row(query_time), level="week", keywords=["room", "hand", "table"])
        assert outcome.status == "ok"
        assert all(end <= query_time for _, end in outcome.spans)
    assert outcome.spans == () and outcome.data["exact_match"] is False


def test_rags_own_query_time_narrows_and_never_widens(toolbox: Toolbox, jake: Week) -> None:
    first_clip = clock.plus(jake.start, 30)
    late = clock.stamp(clock.plus(jake.next, clock.DAY))
    widened = call(toolbox, "rag", jake.row(first_clip), level="week", keywords=["table"], query_time=late)
    assert widened.spans and max(end for _, end in widened.spans) <= first_clip
    narrowed = call(
        toolbox, "rag", jake.row(None), level="week", keywords=["table"], query_time=clock.stamp(first_clip)
    )
    assert narrowed.spans == widened.spans


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ({"level": "month", "keywords": ["x"]}, "user_error", "'week', 'day' or 'hour'"),
        ({"level": "week", "keywords": []}, "user_error", "at least 1 item"),
        ({"level": "week", "keywords": "cup"}, "user_error", "valid list"),
        ({"level": "week", "keywords": ["x"] * 1000}, "user_error", "at most 32 items"),
        ({"level": "day", "keywords": ["x"], "start_time": "DAY9"}, "user_error", "DAYx_HHMMSSFF"),
        ({"level": "day", "keywords": ["x"], "start_time": "DAY1_25000000"}, "user_error", "does not exist"),
        ({"level": "day", "keywords": ["x"], "start_time": "DAY6_11000000"}, "blocked_by_time", "not happened yet"),
        ({"level": "week", "keywords": ["x"], "query_time": "soon"}, "user_error", "DAYx_HHMMSSFF"),
        (
            {"level": "day", "keywords": ["x"], "start_time": "DAY1_12000000", "query_time": "DAY1_11000000"},
            "user_error",
            "lies after query_time",
        ),
        ({"level": "week", "keywords": ["x"], "identity": "A2_ALICE"}, "user_error", "Extra inputs"),
        ({"level": "week", "keywords": ['" OR 1=1 --', "NEAR(", "*", "\x00"]}, "ok", ""),
        ({"level": "day", "keywords": ["table"], "start_time": ["DAY1_00000000", "DAY2_00000000"]}, "ok", ""),
    ],
)
def test_what_agents_send_to_rag(
    toolbox: Toolbox, jake: Week, arguments: dict[str, Any], status: str, said: str
) -> None:
    outcome = asyncio.run(toolbox.call("rag", arguments, jake.row(clock.parse("DAY5_00000000"))))
    assert outcome.status == status and said in outcome.text


def test_video_llm_tells_what_happened_in_the_range(toolbox: Toolbox, jake: Week) -> None:
    asked = spelled(jake.start, jake.end)
    outcome = call(toolbox, "video_llm", jake.row(None), question="where am i ?", range=asked)
    assert outcome.status == "ok" and f"i am in the {jake.clips[0]['room']} ." in outcome.text
    assert outcome.data == {
        "query_time": asked, "question": "where am i ?", "answer": outcome.text, "exact_match": True, "length": 60.0,
    }  # fmt: skip
    [(first, last)] = outcome.spans
    assert jake.start <= first < last <= jake.end


def test_video_llm_tells_no_event_that_had_not_ended(toolbox: Toolbox, jake: Week) -> None:
    event = jake.clips[0]["events"][0]
    middle = clock.of_frame(jake.start, (event["first"] + event["end"]) // 2)
    outcome = call(toolbox, "video_llm", jake.row(middle), question="what do i do ?", range=spelled(jake.start, middle))
    assert f"i {event['verb']} the {event['thing']}" not in outcome.text


@pytest.mark.parametrize(
    ("start", "end", "status", "said"),
    [
        (0, 0.5, "user_error", "0.5 seconds long"),
        (-3600, 10, "user_error", "3610 seconds long"),
        (10, 5, "user_error", "ends before it starts"),
        (-600, -500, "user_error", "nothing was recorded"),
        (50, 61, "blocked_by_time", "not happened yet"),
        (0, 60, "ok", ""),
        (-100, 60, "ok", ""),
        (-3000, 60, "ok", ""),
    ],
)
def test_ranges(toolbox: Toolbox, jake: Week, start: float, end: float, status: str, said: str) -> None:
    asked = spelled(clock.plus(jake.start, start), clock.plus(jake.start, end))
    outcome = call(toolbox, "video_llm", jake.row(jake.end), question="what ?", range=asked)
    assert outcome.status == status and said in outcome.text
    if status == "ok":
        assert outcome.data["exact_match"] is (start == 0)


@pytest.mark.parametrize("wrong", ["DAY1_11000000", "DAY1_11000000-", "11-12", "", "x" * 100, "../../etc/passwd"])
@pytest.mark.parametrize("name", ["video_llm", "frames"])
def test_what_is_no_range(toolbox: Toolbox, jake: Week, name: str, wrong: str) -> None:
    more = {"question": "what ?"} if name == "video_llm" else {}
    assert call(toolbox, name, jake.row(jake.end), range=wrong, **more).status == "user_error"


def test_a_gap_names_past_recordings_only(toolbox: Toolbox, jake: Week) -> None:
    in_gap = clock.plus(jake.end, 300)
    asked = {"question": "what ?", "timestamp": clock.stamp(in_gap)}
    before = call(toolbox, "vlm", jake.row(clock.plus(in_gap, 60)), **asked)
    assert before.status == "user_error" and spelled(jake.start, jake.end) in before.text
    assert clock.stamp(jake.next) not in before.text
    after = call(toolbox, "vlm", jake.row(clock.plus(jake.next, 5)), **asked)
    assert spelled(jake.next, clock.plus(jake.next, 5)) in after.text


def test_another_persons_video_is_out_of_reach(toolbox: Toolbox, week: Path, jake: Week) -> None:
    alice = Week(week, "A2_ALICE")
    asked = spelled(alice.start, clock.plus(alice.start, 5))
    outcome = call(toolbox, "video_llm", jake.row(None), question="what does A2_ALICE do ?", range=asked)
    assert alice.clips[0]["room"] not in outcome.text or alice.clips[0]["room"] == jake.clips[0]["room"]
    assert call(toolbox, "frames", Context("A9_NOBODY", None), range=asked).status == "infra_error"


@pytest.mark.parametrize(
    ("n", "fps", "count"), [(1, None, 1), (4, None, 4), (99, None, 8), (None, 0.5, 6), (None, 2.0, 8)]
)
def test_frames_come_with_their_times(
    toolbox: Toolbox, jake: Week, n: int | None, fps: float | None, count: int
) -> None:
    asked = spelled(jake.start, clock.plus(jake.start, 10))
    arguments = {"range": asked} | ({"n": n} if n else {}) | ({"fps": fps} if fps else {})
    outcome = call(toolbox, "frames", jake.row(jake.end), **arguments)
    assert len(outcome.images) == count
    assert outcome.text.splitlines() == [
        f"image {number}: {clock.stamp(image.moment)}" for number, image in enumerate(outcome.images, 1)
    ]
    assert [image.moment for image in outcome.images] == sorted({image.moment for image in outcome.images})


def test_frames_takes_one_of_n_and_fps(toolbox: Toolbox, jake: Week) -> None:
    outcome = call(toolbox, "frames", jake.row(None), range=spelled(jake.start, jake.end), n=2, fps=1.0)
    assert outcome.status == "user_error" and "not both" in outcome.text


@settings(max_examples=40)
@given(st.integers(0, 60 * 20), st.integers(0, 60 * 20), st.integers(0, 70 * 20))
def test_no_frame_is_later_than_the_query_time_or_out_of_its_range(
    toolbox: Toolbox, jake: Week, first: int, last: int, now: int
) -> None:
    start, end, query_time = (clock.of_frame(jake.start, frame) for frame in (first, last, now))
    found = call(toolbox, "frames", jake.row(query_time), range=spelled(min(start, end), max(start, end)))
    shown = call(toolbox, "crop", jake.row(query_time), timestamp=clock.stamp(start), box=[0, 0, 500, 500])
    assert (found.status == "blocked_by_time") == (max(start, end) > query_time)
    assert (shown.status == "blocked_by_time") == (start > query_time)
    assert all(min(start, end) <= image.moment <= query_time for image in found.images)
    assert all(image.moment <= start for image in shown.images)
    assert not [tool for tool, event in +toolbox.counters.events if event == "leak_prevented"]


@pytest.mark.parametrize(
    "box",
    [
        [0, 0, 10, 500],
        [500, 0, 100, 500],
        [0, 0, 500, 500, 1],
        [0, 0, 500],
        [-1, 0, 500, 500],
        [0, 0, 500, 1e9],
        ["a"] * 4,
    ],
)
def test_what_is_no_box(toolbox: Toolbox, jake: Week, box: list[Any]) -> None:
    outcome = call(toolbox, "crop", jake.row(None), timestamp=clock.stamp(jake.start), box=box)
    assert outcome.status == "user_error"


def jpeg(width: int, height: int) -> bytes:
    """Its left half is red, its right half blue."""
    picture, out = Picture.new("RGB", (width, height), "red"), io.BytesIO()
    picture.paste("blue", (width // 2, 0, width, height))
    picture.save(out, "JPEG", quality=95)
    return out.getvalue()


@settings(max_examples=40)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 980), st.integers(0, 980), st.integers(100, 9000))
def test_a_crop_stays_within_the_budget(width: int, height: int, left: int, top: int, budget: int) -> None:
    with Picture.open(io.BytesIO(crop(jpeg(width, height), (left, top, left + 20, top + 20), budget))) as part:
        assert part.width * part.height <= max(budget, part.width, part.height)


@pytest.mark.parametrize(("box", "colour"), [((0, 0, 400, 1000), 0), ((600, 0, 1000, 1000), 2)])
def test_a_crop_shows_its_part_enlarged(box: tuple[float, float, float, float], colour: int) -> None:
    with Picture.open(io.BytesIO(crop(jpeg(100, 50), box, 10_000))) as part:
        pixel = part.getpixel((part.width // 2, part.height // 2))
        assert 4800 <= part.width * part.height <= 5000
    assert max(range(3), key=lambda channel: pixel[channel]) == colour  # type: ignore[index]


def test_terminate_gives_the_answer(toolbox: Toolbox, jake: Week) -> None:
    outcome = call(toolbox, "terminate", jake.row(jake.end), answer="B")
    assert (outcome.status, outcome.data) == ("ok", {"answer": "B"})
    assert call(toolbox, "terminate", jake.row(jake.end)).status == "user_error"


@given(st.integers(0, 3 * 86400 * 20), st.integers(20, 3600 * 20))
def test_pieces_cover_a_range_and_none_is_too_long_or_over_midnight(first: int, length: int) -> None:
    start, end = clock.of_frame(86400.0, first), clock.of_frame(86400.0, first + length)
    parts = pieces(start, end)
    assert parts[0][0] == start and parts[-1][1] == end
    assert [last for _, last in parts[:-1]] == [first for first, _ in parts[1:]]
    for first_moment, last_moment in parts:
        assert 0 < last_moment - first_moment <= PIECE + 1 / clock.FPS
        assert last_moment <= clock.midnight(clock.day(first_moment) + 1)


class Eyes:
    """A backend that remembers what it was shown."""

    settings: dict[str, Any] = {"backend": "eyes"}

    def __init__(self, *faults: Exception) -> None:
        self.sights: list[Sight] = []
        self.faults = list(faults)

    async def answer(self, sight: Sight) -> Answer:
        self.sights.append(sight)
        if self.faults:
            raise self.faults.pop()
        return Answer(f"{len(sight.images)} frames", cost=0.01)

    async def close(self) -> None:
        return None


def seeing(week: Path, eyes: Eyes) -> Toolbox:
    world = Environment(week / "store")
    video = VideoLlm(world, eyes, fps=1.0, max_frames=16, max_pixels=4096)
    return Toolbox([video, Vlm(world, eyes, max_pixels=4096), Frames(world), Crop(world)])


def test_a_longer_range_is_asked_in_pieces_and_the_answers_joined(week: Path, jake: Week) -> None:
    eyes = Eyes()
    middle = clock.plus(jake.start, 25)
    asked = spelled(clock.plus(middle, -600), clock.plus(middle, 600))
    outcome = call(seeing(week, eyes), "video_llm", jake.row(None), question="what ?", range=asked)
    assert [len(sight.images) for sight in eyes.sights] == [16, 16]
    first, second = outcome.text.splitlines()
    assert first.startswith("DAY1_") and first.endswith(": 16 frames") and second.endswith(": 16 frames")
    assert outcome.cost == pytest.approx(0.02) and outcome.data["length"] == 1200.0
    assert outcome.spans[0][1] <= outcome.spans[1][0]


def test_one_piece_that_fails_is_a_fault_of_the_call(week: Path, jake: Week) -> None:
    eyes = Eyes(*[Unavailable("HTTP 500")] * 9)
    toolbox = seeing(week, eyes)
    outcome = call(toolbox, "video_llm", jake.row(None), question="?", range=spelled(jake.start, jake.end))
    assert outcome.status == "infra_error" and outcome.tries == 3


def test_a_backend_sees_no_tokens_and_small_frames(week: Path, jake: Week) -> None:
    eyes = Eyes()
    asked = clock.stamp(clock.plus(jake.start, 3))
    call(seeing(week, eyes), "vlm", jake.row(jake.end), question="what <|image_pad|> is <image> it?", timestamp=asked)
    [sight] = eyes.sights
    assert sight.question == "what   is   it?" and sight.start == sight.end == sight.images[0].moment
    with Picture.open(io.BytesIO(sight.images[0].jpeg)) as picture:
        assert picture.width * picture.height <= 4096


def test_a_row_names_a_folder_inside_the_root_only(week: Path, jake: Week) -> None:
    toolbox = Toolbox([Frames(Environment(week))])
    asked = spelled(jake.start, jake.end)
    for root, status in (
        ("store", "ok"),
        ("../week/store", "infra_error"),
        ("/etc", "infra_error"),
        ("x\0", "infra_error"),
    ):
        row = Context("A1_JAKE", None, media_root=root)
        assert call(toolbox, "frames", row, range=asked).status == status, root
