"""Long lists of names in few bytes."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classicnets.data.folder import open_folder, scan
from classicnets.data.images import ImageFiles
from classicnets.data.names import Names, NamesWriter, Paths
from classicnets.data.telling import Telling

TEXTS = st.lists(st.binary(max_size=9).filter(lambda name: b"\0" not in name).map(os.fsdecode), max_size=40)


@given(TEXTS, st.data())
def test_names_are_a_list_of_texts(texts: list[str], data: st.DataObject) -> None:
    names = NamesWriter(texts).names()
    assert list(names) == texts
    assert len(names) == len(texts)
    places = data.draw(st.lists(st.integers(0, max(0, len(texts) - 1)), max_size=20 if texts else 0))
    assert list(names.taken(np.array(places, dtype=np.int64))) == [texts[at] for at in places]
    assert list(names[1:7]) == texts[1:7]
    assert [names[-at] for at in range(1, len(texts) + 1)] == texts[::-1]
    assert list(Names.joined([names, names])) == texts * 2
    with pytest.raises(IndexError):
        names[len(texts)]


def test_many_names_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classicnets.data.names._AT_A_TIME", 7)
    texts = [f"{'x' * (at % 5)}{at}" for at in range(100)]
    chosen = np.random.default_rng(0).permutation(100)
    assert list(NamesWriter(texts).names().taken(chosen)) == [texts[at] for at in chosen]


def test_paths_are_made_when_they_are_asked_for() -> None:
    paths = Paths(Path("/photos"), NamesWriter(["a/1.png", "b/2.png", "b/c/3.png"]).names())
    assert list(paths) == [Path("/photos/a/1.png"), Path("/photos/b/2.png"), Path("/photos/b/c/3.png")]
    assert paths[-1] == Path("/photos/b/c/3.png")
    assert list(paths[1:]) == list(paths)[1:]
    assert list(paths.taken(np.array([2, 0]))) == [paths[2], paths[0]]


def test_images_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    # What sorts before and after the slash, as folders and as files, and a name that is no text.
    for name in ("a", "a b", "a-b", "a.jpg.d", "é", "Z", "z0", "z"):
        for file in ("1.png", "b.png", "b/2.png", "b c.png", "b-c/3.png", "b.d/4.png"):
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).touch()
    (tmp_path / os.fsdecode(b"a/\xff.png")).touch()
    assert scan(tmp_path) == sorted(path for path in tmp_path.rglob("*") if path.is_file())


def test_twenty_thousand_files_take_few_bytes_each(tmp_path: Path) -> None:
    one = tmp_path / "one.png"
    one.touch()
    for name in ("cats", "dogs", "eels", "owls"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for at in range(5000):
            os.link(one, tmp_path / "images" / name / f"{at:08}.png")
    tracemalloc.start()
    try:
        data = open_folder(tmp_path / "images", seed=0, hold_out=False)
        kept, peak = tracemalloc.get_traced_memory()
        split = open_folder(tmp_path / "images", seed=0)
        _, split_peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(data.train, ImageFiles)
    assert len(data.train) == 20_000
    assert len(split.test) == 4000
    # 17 bytes of name, 8 of where it ends, 8 of label, and what growing lists have in reserve.
    assert kept / 20_000 < 45
    assert peak / 20_000 < 110
    assert (split_peak - kept) / 20_000 < 200


class Screen:
    def __init__(self, *, terminal: bool = True) -> None:
        self.text = ""
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None: ...


@pytest.mark.parametrize(
    ("patience", "terminal", "seen"), [(0.0, True, True), (60.0, True, False), (0.0, False, False)]
)
def test_a_job_that_takes_long_is_told_of_on_a_terminal(patience: float, terminal: bool, seen: bool) -> None:
    screen = Screen(terminal=terminal)
    line = Telling("listing: {:,} images", stream=screen, patience=patience)  # type: ignore[arg-type]
    line.add(1234)
    line.end()
    assert screen.text == ("\rlisting: 1,234 images\r" + " " * 21 + "\r" if seen else "")
