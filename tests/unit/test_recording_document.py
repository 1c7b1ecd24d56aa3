"""docs/RECORDING.md: its description of the file is enough to read one without any code of ours."""

import re
import subprocess
import sys
from pathlib import Path

from gateway.recording.entries import Kind, encode
from gateway.recording.writer import Writer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "RECORDING.md"


def test_the_reader_in_the_document_reads_a_recording(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.rec")
    for number in range(3):
        writer.add(f"linear_0{number}", encode(Kind.RECEIVED, 5_000 + number, number, b"text %d" % number), 1)
    writer.close()
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.rec")], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"linear_0{number} {5_000 + number} {number} 3 b'text {number}'" for number in range(3)]


def test_every_kind_of_entry_is_described_with_its_number() -> None:
    text = PAGE.read_text()
    assert [kind for kind in Kind if f"{kind.value} {kind.name.lower()}" not in text] == []
