"""What several units need: a ZeroMQ context of the test's own."""

from collections.abc import Iterator

import pytest
from zeromq import Context


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    yield context
    context.destroy(linger=0)
