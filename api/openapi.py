"""Write the OpenAPI document: `python -m api.openapi > docs/openapi.json`. A test compares the copy with the code."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from api.app import create_app
from gateway import config


def document() -> str:
    """The document as text, the same on every machine."""
    with TemporaryDirectory() as folder:
        app = create_app(config.load({"WS_GATEWAY_VAR_DIR": folder, "WS_GATEWAY_API_KEY": "none"}, Path(folder) / "none"))
        return json.dumps(app.api_doc, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
