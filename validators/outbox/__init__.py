"""Committed changes and the outbox events that must tell of them. Begin at `judge`."""
