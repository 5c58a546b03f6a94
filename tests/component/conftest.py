"""librdkafka's mock cluster as the broker of the worker's tests: real protocol, no Java, no disk.

Its topics always have 4 partitions and are made by asking for them; it has no compaction.
"""

import pytest

from tests.component.migration import Migration


@pytest.fixture
def migration(tmp_path):
    with Migration(tmp_path) as running:
        yield running
