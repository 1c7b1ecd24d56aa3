"""The Dockerfile as data: its stages and their instructions, read by the parser of BuildKit itself (`dockerfile`)."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import dockerfile

from tests.integration.running import ROOT

DOCKERFILE = ROOT / "Dockerfile"
#: An image's tag that its makers do not move: a full version, or a date.
EXACT = re.compile(r"[\w./-]+:(v?\d+\.\d+(\.\d+)?|\w+-\d{8})(-\w+)*(@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction. `words`: its value as the parser splits it; `flags`: those that begin with `--`, by name."""

    name: str
    words: tuple[str, ...]
    flags: dict[str, str]
    line: int

    @property
    def pairs(self) -> dict[str, str]:
        """Of ENV and LABEL: NAME=value, without quotes."""
        names, values = self.words[0::2], self.words[1::2]
        return {name: value.strip('"') for name, value in zip(names, values, strict=True)}


@dataclass(slots=True)
class Stage:
    """What one FROM begins. `base`: an image, or the name of an earlier stage."""

    name: str
    base: str
    steps: list[Step] = field(default_factory=list)

    def all(self, name: str) -> list[Step]:
        return [step for step in self.steps if step.name == name]

    def last(self, name: str) -> Step:
        """The one that counts where an instruction is given once."""
        return self.all(name)[-1]


def read(path: Path = DOCKERFILE) -> dict[str, Stage]:
    """The stages by name, in their order; the last one is the image."""
    stages: dict[str, Stage] = {}
    stage = None
    for command in dockerfile.parse_file(str(path)):
        if command.cmd == "FROM":
            base, _, name = command.value
            stage = stages[name] = Stage(name, base)
            continue
        assert stage is not None, f"line {command.start_line}: {command.cmd} before FROM"
        flags = dict(flag.removeprefix("--").split("=", 1) for flag in command.flags)
        stage.steps.append(Step(command.cmd, tuple(command.value), flags, command.start_line))
    return stages
