"""A whole migration on a virtual clock, seeded, with known truth: `figwatch simulate`.

`world`, `connector` and `replicator` are the systems; `weather` says what may happen in a seed,
`scenario` lets it happen, `eyes` is what figwatch reads of it; `check` runs the production decoder
and judge over that (`rebalance`: while their workers die) and compares with the truth. `exhaustive`
goes through every interleaving of small histories instead.
"""
