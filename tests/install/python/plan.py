# SPDX-License-Identifier: MIT
"""Does a model fit a Mac, and how far can its context go? In Python, with nothing but its standard
library and an installed membudget that was built shared:

    python3 plan.py

The library is looked for where pkg-config says that it lies, then where the system looks;
MEMBUDGET_LIBRARY names its file instead. A request may be given: python3 plan.py '{"model": ...}'
"""

import ctypes
import ctypes.util
import json
import os
import pathlib
import shlex
import subprocess
import sys


def library_file():
    if named := os.environ.get("MEMBUDGET_LIBRARY"):
        return named
    try:
        folder = subprocess.run(["pkg-config", "--variable=libdir", "membudget"],
                                capture_output=True, text=True, check=True).stdout
        folder = " ".join(shlex.split(folder))  # A space in it comes escaped, as for a shell.
    except (OSError, subprocess.CalledProcessError):
        folder = ""
    for name in ("libmembudget.so", "libmembudget.dylib"):
        file = pathlib.Path(folder) / name
        if folder and file.exists():
            return str(file)
    found = ctypes.util.find_library("membudget")
    if not found:
        sys.exit("libmembudget is not installed; set MEMBUDGET_LIBRARY to its file")
    return found


library = ctypes.CDLL(library_file())
# ctypes takes every argument and result for an int unless it is told otherwise.
library.membudget_planner_create.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
library.membudget_planner_destroy.argtypes = [ctypes.c_void_p]
library.membudget_planner_destroy.restype = None
library.membudget_string_free.argtypes = [ctypes.c_void_p]
library.membudget_string_free.restype = None
# The response is a void pointer, not a c_char_p: ctypes would copy that one and lose what to free.
library.membudget_plan_json.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p,
                                        ctypes.POINTER(ctypes.c_void_p)]


class Planner:
    """What is known of chips, models and runtimes. One may serve all threads."""

    def __init__(self):
        self._handle = ctypes.c_void_p()
        if library.membudget_planner_create(ctypes.byref(self._handle)) != 0:
            raise MemoryError

    def __del__(self):
        library.membudget_planner_destroy(self._handle)

    def plan(self, **options):
        """A plan as a dictionary. Options are those of `membudget plan`, `_` for `-`: ctx_size."""
        request = json.dumps({name.replace("_", "-"): value for name, value in options.items()})
        response = ctypes.c_void_p()
        # None: a model of the catalog, not one of membudget_model_from_gguf().
        status = library.membudget_plan_json(self._handle, None, request.encode(),
                                             ctypes.byref(response))
        if not response:
            raise MemoryError
        try:
            answer = json.loads(ctypes.string_at(response))
        finally:
            library.membudget_string_free(response)
        if status != 0:
            error = answer["error"]
            raise ValueError(": ".join(filter(None, (error["where"], error["message"]))))
        return answer


def main():
    options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {
        "model": "qwen2.5-coder:32b", "chip": "m1-max-32gb", "ctx-size": "8k"}
    try:
        plan = Planner().plan(**options)
    except ValueError as error:
        sys.exit(str(error))
    # Sizes are bytes; GiB = 2^30 of them.
    print("verdict:", plan["verdict"])
    print(f"memory: {plan['memory']['gpu_bytes'] / 2**30:.2f} GiB of "
          f"{plan['budget']['gpu_limit_bytes'] / 2**30:.2f} GiB")
    print("largest context:", plan["max_context"]["tokens"], "tokens")
    return 0 if plan["verdict"] in ("comfortable", "tight") else 1


if __name__ == "__main__":
    sys.exit(main())
