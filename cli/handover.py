"""HANDOVER: a command that becomes another program, which reads the options itself."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cli.examples import epilog

#: Of such a command: none of the options is click's, --help included.
AS_THEY_ARE = {"ignore_unknown_options": True, "help_option_names": []}


def become(module: str, options: Sequence[str], *, name: str) -> NoReturn:
    """Run `python -m MODULE` in this process's place; its --help begins with the examples of the command `name`."""
    if "--help" in options:
        print(epilog(name).removeprefix("\b\n"), end="\n\n")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *options])  # noqa: S606 # the same program, another main
