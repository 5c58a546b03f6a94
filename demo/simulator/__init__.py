"""A whole migration on a virtual clock, seeded, with known truth: `figwatch simulate`.

`world` has the databases, connectors, topics and the replicator; `scenario` draws a workload, faults
and failures from a seed; `check` runs the production decoder and judge over what figwatch would have
read, and compares with the truth.
"""
