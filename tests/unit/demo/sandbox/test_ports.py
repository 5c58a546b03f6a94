"""Ports: kept where they are free, replaced where they are not, never twice the same."""

import socket

from figwatch.demo.sandbox import ports


def test_preferred_ports_are_kept_while_they_are_free():
    first = ports.choose(["a", "b"], {})

    assert first == ports.choose(["a", "b"], first)


def test_a_preferred_port_that_is_taken_is_replaced_and_the_others_stay():
    first = ports.choose(["a", "b"], {})
    with socket.create_server(("127.0.0.1", first["a"])):
        second = ports.choose(["a", "b"], first)

    assert first["a"] != second["a"]
    assert first["b"] == second["b"]


def test_a_port_taken_on_all_addresses_counts_as_taken():
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_one_preferred_port_for_two_names_is_given_to_one():
    free = ports.choose(["a"], {})["a"]

    chosen = ports.choose(["a", "b"], {"a": free, "b": free})

    assert free == chosen["a"]
    assert free != chosen["b"]


def test_ports_lie_below_those_that_the_kernel_gives_to_clients(monkeypatch):
    monkeypatch.setattr(ports, "_ephemeral_lowest", lambda: 25_000)

    chosen = ports.choose([str(n) for n in range(20)], {})

    assert all(ports.LOWEST <= port < 25_000 for port in chosen.values())
