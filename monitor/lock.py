"""An exclusive lock on an open file, on POSIX systems and on Windows.

The system lets go of it when the process ends, however it ends, so that a killed run blocks nobody.
"""

from __future__ import annotations

import sys
from typing import IO

__all__ = ["try_lock"]

_FAR = 1 << 30  # a byte beyond the text: Windows locks are mandatory, and the holder's number must stay readable


def try_lock(stream: IO[str]) -> bool:
    """Lock a file if nobody else holds it.

    Parameters
    ----------
    stream
        Open file; the lock lasts until it is closed or the process ends.

    Returns
    -------
    bool
        False when another process holds the lock.
    """
    if sys.platform == "win32":
        import msvcrt

        stream.seek(_FAR)
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            stream.seek(0)
        return True
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
