"""The sample migration: an inventory module on its way out of a monolith, under load.

`migration` puts the programs together on the `sandbox`; `story` tells it as `figwatch demo`.
"""
