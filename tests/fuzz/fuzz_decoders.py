"""Searches for messages that a decoder cannot take, guided by what they make run.

python -m tests.fuzz.fuzz_decoders [-max_total_time=600] [folder of finds]: libFuzzer's own options. A byte string is a
topic, a line's end, and the payload.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingest", "metering"]):
    from tests.fuzz.messages import EXAMPLES, changed, changed_topic, payload_of
    from tests.fuzz.promises import keeps_its_promises


def packed(topic: str, payload: bytes) -> bytes:
    return topic.encode() + b"\n" + payload


def try_one(data: bytes) -> None:
    head, _, payload = data.partition(b"\n")
    topic = head.decode("utf-8", "replace")
    keeps_its_promises(topic, payload, is_retained=len(data) % 2 == 0)


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """Half of the time a change of the JSON document or of the topic, else of bytes."""
    randomness = random.Random(seed)  # noqa: S311 - libFuzzer's own seed
    if randomness.random() < 0.5:
        return atheris.Mutate(data, max_size)
    head, _, payload = data.partition(b"\n")
    topic = head.decode("utf-8", "replace")
    if randomness.random() < 0.2:
        topic = changed_topic(topic, randomness.choice)
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        topic, document = randomness.choice(EXAMPLES)
    return packed(topic, payload_of(changed(document, randomness.choice)))[:max_size]


def write_seeds(folder: Path) -> None:
    for number, (topic, document) in enumerate(EXAMPLES):
        (folder / f"seed-{number}").write_bytes(packed(topic, payload_of(document)))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_seeds(Path(folder))
        options = [argument for argument in sys.argv if argument.startswith("-")]
        finds = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
        atheris.Setup([sys.argv[0], "-max_len=8192", *options, *finds, folder], try_one, custom_mutator=mutated)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
