"""The one exception that is a message to the user: what is wrong, where, and how to fix it."""


class UserError(Exception):
    """Printed by the command line as one message with exit code 1, never as a traceback."""
