"""Which servers the end-to-end tests choose: what is asked for, or an error, never another."""

import pytest

from tests.e2e.servers import ADDRESSES, CONTAINERS, CannotChooseError, Servers, choose


def never_asked():
    pytest.fail("the container engine is asked only when containers are wanted")


def test_the_sandbox_is_used_when_nothing_is_said():
    assert choose({}, never_asked) is Servers.SANDBOX
    assert choose({CONTAINERS: "0"}, never_asked) is Servers.SANDBOX


def test_servers_named_in_the_environment_come_first():
    named = dict.fromkeys(ADDRESSES, "somewhere")

    assert choose(named | {CONTAINERS: "1"}, never_asked) is Servers.ENVIRONMENT


@pytest.mark.parametrize("absent", ADDRESSES)
def test_half_an_environment_is_an_error_that_names_what_is_missing(absent):
    named = {name: "somewhere" for name in ADDRESSES if name != absent}

    with pytest.raises(CannotChooseError, match=absent):
        choose(named, never_asked)


def test_containers_are_used_when_wanted_and_an_engine_answers():
    assert choose({CONTAINERS: "1"}, lambda: True) is Servers.CONTAINERS


def test_containers_wanted_without_an_engine_are_an_error_and_not_the_sandbox():
    with pytest.raises(CannotChooseError, match="no container engine answers"):
        choose({CONTAINERS: "1"}, lambda: False)
