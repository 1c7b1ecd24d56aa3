"""What the routes of one process share."""

from collections.abc import Callable
from dataclasses import dataclass

from api.asked import Rules
from api.door import Door
from gateway.health import Known
from gateway.pool import Pool
from gateway.resolution import Resolver
from gateway.wallet_sync import WalletSync


@dataclass(frozen=True, slots=True)
class Parts:
    """Handed to every blueprint.

    resolver  decides categories and verifies symbols
    door      opens a short conversation with the broker
    known     reads what the processes last said of themselves
    wallet    reads the account's wallet over REST; None: without credentials nobody can
    """

    pool: Pool
    rules: Rules
    resolver: Resolver
    door: Door
    known: Callable[[], Known]
    wallet: WalletSync | None = None
