"""One replayed call out of many recorded ones, beside vcrpy matching on the body."""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import vcr
import yaml

from pytest_llmharness.cassette import use_cassette

from .row import Row

URL = "http://127.0.0.1:9/v1/chat/completions"
HEADERS = {"content-type": "application/json"}


def rows() -> Iterator[Row]:
    """Yield one row for each number of recorded calls."""
    with tempfile.TemporaryDirectory() as folder:
        for count, target in ((100, 30), (1_000, 300)):
            path = Path(folder, f"{count}.yaml")
            path.write_text(yaml.dump(_cassette(count), Dumper=getattr(yaml, "CDumper", yaml.Dumper)))
            recorder = vcr.VCR(match_on=["method", "uri", "body"], record_mode="none")
            # One cassette at a time, for both take hold of the same client.
            with use_cassette(path), httpx2.Client() as client:
                ours = _call_s(client, count)
            with recorder.use_cassette(str(path)), httpx2.Client() as client:
                theirs = _call_s(client, count)
            yield Row(f"one replayed call of {count:,}", "vcrpy, body matching", ours, theirs, faster=target)


def _call_s(client: httpx2.Client, count: int) -> float:
    """Return the median time of a call; every take is played once, in random order."""
    times = []
    for number in random.Random(1).sample(range(count), 30):
        began = time.perf_counter()
        answer = client.post(URL, content=_question(number), headers=HEADERS).json()
        times.append(time.perf_counter() - began)
        assert answer["id"] == str(number)
    return statistics.median(times)


def _question(number: int) -> str:
    words = f"question {number} " + "x" * 300
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": words}]})


def _cassette(count: int) -> dict[str, Any]:
    def answer(number: int) -> str:
        message = {"role": "assistant", "content": f"answer {number} " + "y" * 1500}
        return json.dumps({"id": str(number), "choices": [{"message": message}]})

    content_type = {"content-type": ["application/json"]}
    return {
        "version": 1,
        "interactions": [
            {
                "request": {"method": "POST", "uri": URL, "body": _question(n), "headers": content_type},
                "response": {
                    "status": {"code": 200, "message": "OK"},
                    "headers": content_type,
                    "body": {"string": answer(n)},
                },
            }
            for n in range(count)
        ],
    }
