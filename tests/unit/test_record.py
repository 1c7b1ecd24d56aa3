"""`ws-gateway record` beside a stand-in of the control API."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.api_standin import answering

ROOT = Path(__file__).resolve().parents[2]
#: More than one page of a list holds.
COUNT = 1200


def test_resync_is_of_every_topic_and_not_of_one_page(tmp_path: Path) -> None:
    rows = [{"id": f"{number:036d}", "topic": f"publicTrade.S{number}", "symbol": f"S{number}"} for number in range(COUNT)]
    resynced = []

    def answer(method: str, path: str) -> tuple[int, str]:
        if method == "POST":
            found = re.fullmatch(r"/api/v1/subscriptions/(\d+)/resync", path)
            assert found is not None, path
            resynced.append(found[1])
            return 202, "{}"
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        assert query["is_active"] == "true"
        offset, limit = int(query["offset"]), min(1000, int(query["limit"]))
        return 200, json.dumps({"subscriptions": rows[offset : offset + limit], "total": COUNT})

    with answering(answer) as port:
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "WS_GATEWAY_PORT": str(port),
            "WS_GATEWAY_API_KEY": "key",
        }  # fmt: skip
        command = [sys.executable, "-m", "cli.main", "record", "a.wsrec", "--resync"]
        with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as recorder:
            lines = []
            for line in recorder.stderr or ():
                lines.append(line)
                if "subscribed anew" in line:
                    recorder.send_signal(signal.SIGINT)
    assert f"{COUNT} topics are subscribed anew\n" in lines
    assert (recorder.returncode, sorted(resynced)) == (0, [row["id"] for row in rows])
