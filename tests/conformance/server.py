"""The other side of a case: it sends what the row says and keeps what the client answers."""

from queue import SimpleQueue

from cases import Case
from listener import Line
from wire import CLOSE, PONG, sent_by_client


class Player:
    """Plays one case to whoever connects; the answers are there when the client has left."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._answers: SimpleQueue[bytes] = SimpleQueue()

    def play(self, line: Line) -> None:
        case = self._case
        line.shake_hands()
        step = case.cut or len(case.sends)
        try:
            for start in range(0, len(case.sends), step):
                line.send(case.sends[start : start + step])
            if case.drops:
                line.end()
        finally:
            self._answers.put(line.rest())

    def answers(self, timeout_s: float) -> tuple[list[bytes], list[bytes]]:
        """Payloads of the pongs and of the closes that the client sent; there must be nothing else."""
        found = sent_by_client(self._answers.get(timeout=timeout_s))
        assert {opcode for opcode, _ in found} <= {PONG, CLOSE}
        assert all(opcode != CLOSE for opcode, _ in found[:-1]), "something was sent after the close"
        return [data for opcode, data in found if opcode == PONG], [data for opcode, data in found if opcode == CLOSE]
