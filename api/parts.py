"""What the routes of one process share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from api.asked import Rules
from api.door import Door
from api.requests import Requests
from gateway.database.pool import Pool
from gateway.health.known import Known
from gateway.resolution import Resolver
from gateway.wallet_sync import WalletSync


@dataclass(frozen=True, slots=True)
class Parts:
    """Handed to every blueprint.

    resolver  decides categories and verifies symbols
    door      opens a short conversation with the broker
    known     reads what the processes last said of themselves
    requests  counts what this process is asked; var_dir: where it and the others keep that
    wallet    reads the account's wallet over REST; None: without credentials nobody can
    """

    pool: Pool
    rules: Rules
    resolver: Resolver
    door: Door
    known: Callable[[], Known]
    requests: Requests
    var_dir: Path
    wallet: WalletSync | None = None
