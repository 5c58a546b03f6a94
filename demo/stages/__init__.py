"""`figwatch demo --all-stages`: the sample migration walks through all six stages.

`run` sets the stage, `acts_early` and `acts_late` tell what is planted before each gate and what
mends it, `telling` keeps the record. Evidence is real: documents and a registry, the service's own
tests, change streams, Prometheus and access logs behind the façade, the database's catalogue, git.
"""
