"""The toy model's file is made on the spot, the same every time."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_llmharness.live import toy_logits, toy_model, toy_text
from pytest_llmharness.live.toy_tokens import learn, pieces, spell

PINNED = ("0.19.0", "71fb8324227c3da25250caae998829ce24457ff463217007bd3882df2d92d23f")


def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    """The model is deterministic: two builds agree, and the pinned gguf release gives a known digest."""
    pytest.importorskip("gguf", reason="the embedded extra is not installed")
    digests = set()
    for name in ("one.gguf", "two.gguf"):
        toy_model.build(tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1
    if version("gguf") == PINNED[0]:
        assert digests == {PINNED[1]}
    assert (tmp_path / "one.gguf").stat().st_size < 3_500_000


def test_the_file_is_a_llama_with_its_own_template(tmp_path: Path) -> None:
    """Any GGUF reader sees a two-layer llama that says it is a toy."""
    gguf = pytest.importorskip("gguf", reason="the embedded extra is not installed")
    toy_model.build(tmp_path / "toy.gguf")
    reader = gguf.GGUFReader(tmp_path / "toy.gguf")

    def told(field: str) -> object:
        return reader.get_field(field).contents()

    assert told("general.architecture") == "llama"
    assert told("llama.block_count") == 2
    assert "not answers" in str(told("general.name"))
    assert told("tokenizer.chat_template") == toy_text.CHAT_TEMPLATE


def test_the_vocabulary_has_every_byte_and_every_word() -> None:
    """No text is out of vocabulary, and each word of the sentences is one token."""
    vocabulary = learn(toy_text.SENTENCES, toy_text.CONTROL_TOKENS)
    assert len(set(vocabulary.tokens)) == len(vocabulary.tokens)
    assert {spell(chr(code)) for code in range(128)} <= set(vocabulary.tokens)
    assert len([token for token in vocabulary.tokens if len(token) == 1]) == 256
    words = {piece for sentence in toy_text.SENTENCES for piece in pieces(sentence)}
    assert words <= set(vocabulary.tokens)
    for merge in vocabulary.merges:
        assert "".join(merge.split(" ")) in vocabulary.tokens


def test_the_likeliest_walk_from_every_word_ends() -> None:
    """At temperature 0 no word leads in a circle: each one reaches the full stop."""
    rows = toy_logits.logits(learn(toy_text.SENTENCES, ()).tokens).rows
    words = {piece for sentence in toy_text.SENTENCES for piece in pieces(sentence)} - {"."}
    for word in words:
        walk = [word]
        while walk[-1] != ".":
            walk.append(max(rows[walk[-1]], key=rows[walk[-1]].__getitem__))
            assert len(walk) < 30, walk


def test_no_walk_is_shorter_than_promised() -> None:
    """Whatever is drawn, a text answer has at least the promised number of tokens."""
    rows = toy_logits.logits(learn(toy_text.SENTENCES, ()).tokens).rows
    edges = {word: [after for after, logit in row.items() if logit > -9] for word, row in rows.items()}
    reached, tokens = set(edges[toy_text.TURN]), 1
    while "." not in reached:
        reached, tokens = {after for word in reached for after in edges[word]}, tokens + 1
    assert tokens >= toy_logits.SHORTEST_ANSWER


def test_the_sentences_keep_their_form() -> None:
    """One capital at the start and one full stop at the end: the walk starts and stops there."""
    for sentence in toy_text.SENTENCES:
        assert sentence[0].isupper(), sentence
        assert sentence[1:].islower(), sentence
        assert sentence.index(".") == len(sentence) - 1, sentence


def test_the_fingerprint_names_the_sources() -> None:
    """The cache's file name changes with the generator, so a new release never uses an old file."""
    assert len(toy_model.fingerprint()) == 12
    assert toy_model.fingerprint() == toy_model.fingerprint()
    sources = ("toy_text.py", "toy_tokens.py", "toy_logits.py", "toy_model.py")
    folder = Path(toy_model.__file__).parent
    digest = hashlib.sha256(b"".join((folder / source).read_bytes() for source in sources))
    assert digest.hexdigest()[:12] == toy_model.fingerprint()
