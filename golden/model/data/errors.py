"""What goes wrong with data sets."""


class DataError(Exception):
    """The data set is missing or is not what its header says; the message is one sentence."""
