"""Memory given back: what a process holds after freeing many small arrays."""

from __future__ import annotations

import subprocess
import sys

import pytest

from geo.memory import give_back, keep

HELD = """
import re
import numpy as np
from geo.memory import give_back

def held():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read()).group(1)) / 1024

kept = [np.ones(12_000) for _ in range(2000)]
last = kept[-1]
before = held()
del kept
freed = held()
assert give_back()
print(before, freed, held())
"""


@pytest.mark.skipif(not give_back(), reason="the C library gives nothing back by request")
def test_what_is_freed_is_given_back() -> None:
    """Law: of some 190 MiB in small arrays, the last one kept, the process holds little after asking."""
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True, timeout=60)
    before, freed, after = map(float, done.stdout.split())
    assert freed > before - 100  # the library keeps it
    assert after < before - 150


AGAIN = """
import resource
import sys
import numpy as np
from geo.memory import give_back, keep

if sys.argv[1] == "keep":
    assert keep()
for _ in range(2):
    kept = [np.ones(500_000) for _ in range(25)]
    del kept
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    kept = [np.ones(500_000) for _ in range(25)]  # 4 MB each, all freed and asked for again
    del kept
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not keep(), reason="the C library cannot be told what to keep")
def test_what_is_freed_is_kept_for_what_follows() -> None:
    """Law: arrays asked for again and again are new pages to the system once, not every time."""
    faults = {}
    for how in ("keep", "plain"):
        command = [sys.executable, "-c", AGAIN, how]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        faults[how] = int(done.stdout)
    assert faults["keep"] < faults["plain"] / 3


HEAPS = """
import ctypes, os, sys, tempfile, threading
from geo.memory import keep

assert keep()
barrier = threading.Barrier(4)
def ask():
    barrier.wait()
    held = [bytearray(100_000) for _ in range(50)]
    barrier.wait()
threads = [threading.Thread(target=ask) for _ in range(4)]
for one in threads: one.start()
for one in threads: one.join()
library = ctypes.CDLL(None)
library.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(library.fopen(file.name.encode(), b"w"))
    library.malloc_info(0, stream)
    library.fclose(stream)
    print(open(file.name).read().count("<heap nr="))
"""


@pytest.mark.skipif(not keep(), reason="the C library cannot be told what to keep")
def test_threads_share_one_heap() -> None:
    """Law: threads that begin after `keep` have no heap of their own."""
    done = subprocess.run([sys.executable, "-c", HEAPS], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) == 1
