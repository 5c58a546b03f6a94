"""Where traces are looked at: a template that makes an address."""

import pytest
from pydantic import ValidationError

from figwatch.connectors.config.tracing import TracingConfig

TRACE = f"{'a' * 32}-{'b' * 16}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:16686/trace/{trace_id}", "http://localhost:16686/trace/" + "a" * 32),
        (
            "https://z/zipkin/traces/{trace_id}?span={span_id}",
            f"https://z/zipkin/traces/{'a' * 32}?span={'b' * 16}",
        ),
    ],
)
def test_a_trace_has_an_address(url, expected):
    assert expected == TracingConfig(url=url).link(TRACE)


@pytest.mark.parametrize(
    "url",
    ["http://x/trace", "http://x/{span_id}", "http://x/{trace_id}/{user}", "http://x/{trace_id",
     "ftp://x/{trace_id}", "http://x/{trace_id.__class__}", "http://x/{trace_id}/{}"],
)  # fmt: skip
def test_what_makes_no_address_is_refused(url):
    with pytest.raises(ValidationError):
        TracingConfig(url=url)


def test_without_a_template_or_a_trace_there_is_no_address():
    assert TracingConfig().link(TRACE) is None
    assert TracingConfig(url="http://x/{trace_id}").link("") is None
