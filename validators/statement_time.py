"""Times that are not those of commits: MySQL without GTIDs gives each event the second in which its
statement began.

Such a time is at or before the commit, by up to the length of the transaction, so whatever needs
an event's own commit time needs something else. `figwatch.validators.history` asks for copies,
`figwatch.validators.pair` for J.
"""

SECOND_US = 1_000_000


def is_whole_second(commit_us: int) -> bool:
    """Whether a time may be a statement's second. One in a million real ones (in a thousand, of
    milliseconds) looks like that too, and waits somewhat longer for its proof.
    """
    return commit_us % SECOND_US == 0
