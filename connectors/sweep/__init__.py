"""The sweep: an independent comparison of the two tables of a pair, inside the databases where it
can be and here where it must be. `figwatch.connectors.sweep.runner` is where to start reading.
"""
