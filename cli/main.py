"""The `figwatch` command."""


def main() -> None:
    """Run the command line."""
