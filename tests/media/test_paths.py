"""A path from outside leads to a file inside the root, or to an error that says why."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.errors import UserError
from firsthand.media.paths import inside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.jpg").write_text("secret")
    root = tmp_path / "root"
    (root / "day").mkdir(parents=True)
    (root / "a.jpg").write_text("a")
    (root / "day/b.jpg").write_text("b")
    (root / "link.jpg").symlink_to("../secret.jpg")
    (root / "linked").symlink_to("..")
    (root / "alias.jpg").symlink_to("day/b.jpg")
    (root / "loop").symlink_to("loop")
    return root


@pytest.mark.parametrize("path", ["a.jpg", "./a.jpg", "day//b.jpg", "alias.jpg"])
def test_files_inside_are_found(root: Path, path: str) -> None:
    assert inside(root, path).parent in (root, root / "day")
    assert inside(root, root / path) == inside(str(root), path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../secret.jpg", "outside"),
        ("day/../a.jpg", r"without it"),
        ("linked/secret.jpg", "outside"),
        ("link.jpg", "outside"),
        ("/etc/hostname", "outside"),
        ("//etc/hostname", "outside"),
        ("file:///etc/hostname", "URL"),
        ("http://localhost/a.jpg", "URL"),
        ("data:image/jpeg;base64,AAAA", "URL"),
        ("FILE:/etc/hostname", "URL"),
        ("C:\\a.jpg", "no such file"),
        ("a\0.jpg", "not a usable path"),
        ("a" * 5000, "not a usable path"),
        ("a/" * 5000, "not a usable path"),
        ("loop", "no such file|not a usable path"),
        ("day", "no such file"),
        ("", "no such file"),
        ("missing.jpg", "no such file"),
    ],
)
def test_everything_else_is_refused(root: Path, path: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        inside(root, path)
    assert len(str(error.value)) < 300


def test_folders_when_folders_are_asked_for(root: Path) -> None:
    assert inside(root, "day", folder=True) == root / "day"
    assert inside(root, ".", folder=True) == root
    for path, message in (("linked", "outside"), ("a.jpg", "no such folder")):
        with pytest.raises(UserError, match=message):
            inside(root, path, folder=True)


@given(
    path=st.lists(
        st.sampled_from(["..", ".", "/", "a.jpg", "day", "linked", "secret.jpg", "", "\0", "é", "http:"])
        | st.text(max_size=3)
    ).map("/".join)
)
def test_no_path_leads_out(root: Path, path: str) -> None:
    try:
        found = inside(root, path)
    except UserError:
        return
    assert found.is_relative_to(root.resolve()) and found.is_file()
