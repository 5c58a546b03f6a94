"""What figwatch says when Kafka cannot be asked: cause, setting, fix. The same words whichever
client library found it out; `kafka.admin`, `kafka.cluster` and `kafka.reader` use them.
"""

from figwatch.validators.errors import FigwatchError


def unreachable(servers: str) -> FigwatchError:
    """No broker answered."""
    return FigwatchError(
        "kafka.unreachable",
        f"no Kafka broker answers at {servers}",
        "kafka.bootstrap_servers",
        "start the broker, or correct the address and the security settings",
    )


def not_accepted(servers: str) -> FigwatchError:
    """A broker answered, and refused the login."""
    return FigwatchError(
        "kafka.authentication",
        f"Kafka at {servers} does not accept the credentials",
        "kafka.sasl_username",
        "correct sasl_mechanism, sasl_username and sasl_password",
    )


def refused(servers: str, reason: str, *, denied: bool) -> FigwatchError:
    """A broker answered with an error; `denied`: for want of a right."""
    return FigwatchError(
        "kafka.refused",
        f"Kafka at {servers} refused a question: {reason}",
        "kafka",
        "docs/permissions.md lists what figwatch must be allowed"
        if denied
        else "try again; if it stays, look into the broker's log",
    )


def unusable_settings(reason: str) -> FigwatchError:
    """The client itself does not accept the settings (a certificate file, say)."""
    return FigwatchError(
        "kafka.settings",
        f"the Kafka client does not accept the settings: {reason}",
        "kafka",
        "correct the files and the protocol named there",
    )
