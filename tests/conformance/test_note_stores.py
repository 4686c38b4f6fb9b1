"""The note stores keep the contract; the files stay inside their root and outlive their process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_llmharness.adapters.stores.file_notes import FileNotes
from pytest_llmharness.adapters.stores.memory_notes import MemoryNotes
from pytest_llmharness.contracts import NoteStoreContract
from pytest_llmharness.errors import SharedStateUnavailable
from pytest_llmharness.ports.notes import NoteStore


class TestMemoryNotes(NoteStoreContract):
    @pytest.fixture
    def notes(self) -> MemoryNotes:
        return MemoryNotes()


class TestFileNotes(NoteStoreContract):
    @pytest.fixture
    def notes(self, tmp_path: Path) -> FileNotes:
        return FileNotes(tmp_path / "notes")


class TestCarelessNotes(NoteStoreContract):
    """Made to fail: it joins names, and does not look at what it replaces."""

    known_failures: ClassVar = {
        "test_who_has_an_old_text_changes_nothing": "never looks",
        "test_owners_and_names_do_not_mix": "joins names",
        "test_of_writers_at_once_none_is_lost": "never looks",
    }

    @pytest.fixture
    def notes(self) -> NoteStore:
        class Careless:
            def __init__(self) -> None:
                self._texts: dict[str, str] = {}

            async def read(self, owner: str, name: str) -> str:
                await asyncio.sleep(0)
                return self._texts.get(f"{owner}/{name}".lower(), "")

            async def swap(self, owner: str, name: str, old: str, new: str) -> bool:
                await asyncio.sleep(0)
                self._texts[f"{owner}/{name}".lower()] = new
                return True

        return Careless()


def test_no_name_leads_out_of_the_root(tmp_path: Path) -> None:
    """D20: absolute, upward, or with a separator: every file lies where it belongs."""
    root = tmp_path / "notes"

    async def write() -> None:
        for name in ("..", "../../etc", "/etc/passwd", "a/../../b", "x" * 5000, ".", "\0"):
            assert await FileNotes(root).swap(name, name, "", "kept")

    asyncio.run(write())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 7
    assert all(path.parent.parent == root for path in files)


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    """D20: what somebody has put into the root does not give a secret away, nor overwrite it."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "pad.md").write_text("secret")
    root = tmp_path / "notes"
    root.mkdir()
    (root / "maria").symlink_to(tmp_path / "secret")
    for step in (
        FileNotes(root).read("maria", "pad"),
        FileNotes(root).swap("maria", "pad", "secret", "gone"),
    ):
        with pytest.raises(SharedStateUnavailable, match="out of its root"):
            asyncio.run(step)  # type: ignore[arg-type]
    assert (tmp_path / "secret" / "pad.md").read_text() == "secret"


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_what_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    """What, where, fix: no UTF-8, or a folder where a file should be."""
    place = tmp_path / "maria" / "pad.md"
    place.parent.mkdir()
    if content is None:
        place.mkdir()
    else:
        place.write_bytes(content)
    with pytest.raises(SharedStateUnavailable, match="cannot be used") as caught:
        asyncio.run(FileNotes(tmp_path).read("maria", "pad"))
    assert caught.value.where == str(place)


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Four processes add twenty lines each to one note, and all eighty are there."""
    code = (
        "import asyncio, sys\n"
        "from pytest_llmharness.adapters.stores.file_notes import FileNotes\n"
        "async def add():\n"
        "    notes = FileNotes(sys.argv[1])\n"
        "    for n in range(20):\n"
        "        while True:\n"
        "            old = await notes.read('maria', 'pad')\n"
        "            if await notes.swap('maria', 'pad', old, f'{old}{sys.argv[2]}{n}\\n'):\n"
        "                break\n"
        "asyncio.run(add())\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "abcd"]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
    lines = asyncio.run(FileNotes(tmp_path).read("maria", "pad")).split()
    assert sorted(lines) == sorted(f"{name}{n}" for name in "abcd" for n in range(20))
