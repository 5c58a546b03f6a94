"""Connection settings of Kafka clients out of `figwatch.yaml`: confluent-kafka's for questions,
aiokafka's for the worker's streams. Secrets are revealed here and nowhere shown.
"""

import ssl
from typing import Any

from figwatch.connectors.config.root import KafkaConfig


def confluent_settings(kafka: KafkaConfig, client_id: str = "figwatch") -> dict[str, Any]:
    """Return the settings of confluent-kafka's clients (librdkafka's names).

    Raises:
        ConfigurationError: the password cannot be read.
    """
    settings: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "client.id": client_id,
        "security.protocol": kafka.security_protocol,
        "allow.auto.create.topics": False,
        "log_level": 0,
    }
    if kafka.security_protocol.startswith("SASL"):
        settings["sasl.mechanism"] = kafka.sasl_mechanism
        settings["sasl.username"] = kafka.sasl_username or ""
        settings["sasl.password"] = kafka.sasl_password.reveal() if kafka.sasl_password else ""
    files = {
        "ssl.ca.location": kafka.ssl_ca_file,
        "ssl.certificate.location": kafka.ssl_certificate_file,
        "ssl.key.location": kafka.ssl_key_file,
    }
    settings.update({name: file for name, file in files.items() if file})
    return settings


def aiokafka_settings(kafka: KafkaConfig, client_id: str = "figwatch") -> dict[str, Any]:
    """Return the settings of aiokafka's clients.

    Raises:
        ConfigurationError: the password cannot be read.
        OSError: a certificate file cannot be read.
    """
    settings: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "client_id": client_id,
        "security_protocol": kafka.security_protocol,
        "ssl_context": ssl_context(kafka),
    }
    if kafka.security_protocol.startswith("SASL"):
        settings["sasl_mechanism"] = kafka.sasl_mechanism
        settings["sasl_plain_username"] = kafka.sasl_username or ""
        settings["sasl_plain_password"] = (
            kafka.sasl_password.reveal() if kafka.sasl_password else ""
        )
    return settings


def ssl_context(kafka: KafkaConfig) -> ssl.SSLContext | None:
    """Return the TLS settings; None for an unprotected connection.

    Raises:
        OSError: a certificate file cannot be read.
    """
    if not kafka.security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=kafka.ssl_ca_file)
    if kafka.ssl_certificate_file:
        context.load_cert_chain(kafka.ssl_certificate_file, kafka.ssl_key_file)
    return context
