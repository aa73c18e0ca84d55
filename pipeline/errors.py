"""The base of errors whose message says all: what is wrong, what is valid, what to do next.

Commands and stages show the message of such an error, and no traceback.
"""


class Told(Exception):
    """Raised with a message for the person at the terminal."""
