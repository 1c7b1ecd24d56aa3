"""schemathesis, which makes its own requests of the OpenAPI document, finds nothing in a control API that really runs."""

import subprocess
import sys
from pathlib import Path

from running import KEY
from serving import serving

from simulator.remote import RunningSimulator

#: The same requests in each run, of which there is time for so many seconds.
SEED, SECONDS = 20261125, 40


def test_schemathesis_finds_nothing(tmp_path: Path, database_url: str, broker_url: str, exchange: RunningSimulator) -> None:
    given = {"BYBIT_ENVIRONMENT": "simulator", "BYBIT_WS_URL": exchange.ws_url, "BYBIT_REST_URL": exchange.rest_url}
    with serving(tmp_path, database_url, broker_url, **given) as api:
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/openapi.json", "--header", f"X-API-Key: {KEY}", "--checks", "all",
            "--seed", str(SEED), "--max-time", str(SECONDS), "--no-color", "--max-examples", "100",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        print(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr
