"""schemathesis, which makes its own requests of the OpenAPI document, finds nothing in the control API of a whole gateway."""

import re
import subprocess
import sys
from pathlib import Path

from asking import CALLS
from running import KEY, RunningGateway

#: The same requests in each run, as many as there is time for; seconds.
SEED, SECONDS = 20261125, 40
#: A subscription that was cancelled stays to be seen, with `is_active` false: that is no resource used after it was deleted.
EXCLUDED = "use_after_free"
CONFIG = Path(__file__).with_name("schemathesis.toml")


def test_schemathesis_finds_nothing(shared_gateway: RunningGateway, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"http://127.0.0.1:{shared_gateway.port}/openapi.json",
        "--header", f"X-API-Key: {KEY}", "--checks", "all", "--exclude-checks", EXCLUDED, "--seed", str(SEED), "--max-time", str(SECONDS), "--max-examples", "100",
        "--no-color", "--generation-database", "none",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tested, made = re.search(r"Tested: +(\d+)", done.stdout), re.search(r"(\d+) generated", done.stdout)
    assert tested, done.stdout
    assert int(tested[1]) == len(CALLS)
    assert made, done.stdout
    assert int(made[1]) > 20 * len(CALLS)
