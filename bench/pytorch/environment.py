"""The process settings under which PyTorch is fastest on one core. They must be there before torch is loaded, so the
process replaces itself by one that has them. What is already set by whoever starts it is left alone.
"""
import os
import shutil
import subprocess
import sys
import tempfile

MARK = "SWP_BENCH_PYTORCH_SETTINGS"

# Memory given back to the kernel is paid for again, in page faults, at the next step: 10 % of a step of GPT-2.
MALLOC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}

# MKL asks this function whether the CPU is Intel's, and takes slower kernels if not.
INTEL_KERNELS = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"


def enter():
    """Replaces the process unless it has the settings. Returns whether MKL, if torch has it, is made to use its Intel kernels."""
    if MARK in os.environ:
        return has_intel_kernels()
    settings = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **MALLOC}
    cpu = processor()
    if "avx512f" in cpu:
        # Releases of OpenBLAS older than the CPU fall back to AVX2.
        settings["OPENBLAS_CORETYPE"] = "SkylakeX"
    if "AuthenticAMD" in cpu and "LD_PRELOAD" not in os.environ:
        library = intel_kernels()
        if library is not None:
            settings["LD_PRELOAD"] = library
    os.environ.update({name: value for name, value in settings.items() if name not in os.environ})
    os.environ[MARK] = settings.get("LD_PRELOAD", "-")
    os.execv(sys.executable, [sys.executable, *sys.argv])


def has_intel_kernels():
    library = os.environ[MARK]
    if library == "-":
        return False
    # The loader has mapped it; nobody needs the file any more.
    shutil.rmtree(os.path.dirname(library), ignore_errors=True)
    os.environ.pop("LD_PRELOAD")
    return True


def processor():
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def intel_kernels():
    """Path of a library to preload; None where there is no C compiler."""
    folder = tempfile.mkdtemp(prefix="swp-bench-")
    library = os.path.join(folder, "intel-kernels.so")
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library]
    try:
        subprocess.run(command, input=INTEL_KERNELS.encode(), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        shutil.rmtree(folder)
        return None
    return library
