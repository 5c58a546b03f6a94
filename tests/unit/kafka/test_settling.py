"""Which answers of a cluster are worth another question, and which are final."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from figwatch.connectors.config import KafkaConfig
from figwatch.connectors.kafka_admin import is_settling, refused
from figwatch.validators.errors import FigwatchError


def answered(code: int) -> FigwatchError:
    """An error as a question to the broker leaves it."""
    error = KafkaError(code)
    told = refused(KafkaConfig(bootstrap_servers="broker:9092"), error)
    told.__cause__ = KafkaException(error)
    return told


@pytest.mark.parametrize(
    "code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.COORDINATOR_NOT_AVAILABLE]
)
def test_a_leader_or_coordinator_that_is_not_chosen_yet_is_asked_again(code):
    assert is_settling(answered(code))


@pytest.mark.parametrize(
    "code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_ID_NOT_FOUND]
)
def test_a_refusal_is_final(code):
    assert not is_settling(answered(code))
