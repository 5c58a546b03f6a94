"""Which answers of a cluster are worth another question, and which are final."""

import pytest
from aiokafka import errors

from figwatch.connectors.kafka.admin import is_settling


@pytest.mark.parametrize(
    "error",
    [
        errors.NotLeaderForPartitionError,
        errors.LeaderNotAvailableError,
        errors.UnknownTopicOrPartitionError,
        errors.GroupCoordinatorNotAvailableError,
        errors.GroupLoadInProgressError,
        errors.NotCoordinatorForGroupError,
    ],
)
def test_a_leader_or_coordinator_that_is_not_chosen_yet_is_asked_again(error):
    assert is_settling(error())


@pytest.mark.parametrize("error", [errors.TopicAuthorizationFailedError, errors.GroupIdNotFound])
def test_a_refusal_is_final(error):
    assert not is_settling(error())
