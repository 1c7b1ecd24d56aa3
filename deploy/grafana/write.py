"""Write deploy/grafana/dashboards from the rows in live.py and stored.py: `python deploy/grafana/write.py [FOLDER]`."""

import json
import sys
from pathlib import Path

import live
import stored

FOLDER = Path(__file__).parent / "dashboards"


def main(folder: Path) -> None:
    for name, board in (live.DASHBOARDS | stored.DASHBOARDS).items():
        (folder / f"{name}.json").write_text(json.dumps(board, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
