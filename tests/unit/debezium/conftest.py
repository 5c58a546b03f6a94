"""Every test of this folder runs twice: on the quick path, and on the one that takes any shape."""

import pytest

from figwatch.connectors.debezium import route


@pytest.fixture(autouse=True, scope="module", params=["quick path", "any shape"])
def path(request):
    usual = route.IDENTITY_LOOKS
    route.IDENTITY_LOOKS = 0 if request.param == "quick path" else usual
    yield request.param
    route.IDENTITY_LOOKS = usual
