"""The order saga of the sample migration: reserve stock, take the payment, confirm; where one is
refused, release the reservation.

Twice: choreographed (`choreography`: three small programs that react to each other's events) and
orchestrated (`orchestrator`: one program, its memory in a table that Debezium captures). Both run
the same `participants`. Start at `running`.
"""
