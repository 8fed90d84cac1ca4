"""The errors that a user can cause. Each says what was wrong, where, and what to do; the command line
prints the message alone and exits with 2. Programming mistakes of ours are assertions, never these."""


class SegueError(ValueError):
    """Base of every error that a user's input, file or argument can cause."""


class ImageError(SegueError):
    """A picture that cannot be opened or must not be (unreadable, truncated, over the pixel limit)."""


class QuestionError(SegueError):
    """A question that cannot be asked (empty, too long for the model, carrying control tokens)."""


class CheckpointError(SegueError):
    """A checkpoint that is missing, incomplete, mis-shaped or of an unknown layout."""


class DataError(SegueError):
    """An annotation file or record that breaks its format; names the file and the record."""


class CapabilityError(SegueError):
    """A model family was asked for something that it cannot do; names the families that can."""


class MissingDependencyError(SegueError):
    """An optional library is needed; names the extra that installs it."""
