"""The embedded stack: Kafka, Kafka Connect with Debezium and two PostgreSQL, without containers.

`Sandbox.up` starts or resumes it in a folder, `status` looks at one. `connect` and `debezium`
put connectors on it; they work on any other Connect cluster as well.
"""

from figwatch.demo.sandbox import connect, debezium
from figwatch.demo.sandbox.model import (
    Endpoints,
    ErrorCode,
    Progress,
    SandboxError,
    SandboxStatus,
    Service,
    ServiceState,
    ServiceStatus,
    Stage,
)
from figwatch.demo.sandbox.stack import Sandbox
from figwatch.demo.sandbox.status import status

__all__ = [
    "Endpoints",
    "ErrorCode",
    "Progress",
    "Sandbox",
    "SandboxError",
    "SandboxStatus",
    "Service",
    "ServiceState",
    "ServiceStatus",
    "Stage",
    "connect",
    "debezium",
    "status",
]
