"""What the program compiles for a class of device: it runs on PoCL beneath two layers, one that passes the device off as
another (tests/layers/limits.c) and one that writes down sources, options and work-groups (tests/layers/capture.c)."""
import os
import re
import subprocess
import time
from pathlib import Path

from compile import Program

# Kernel files that only implementations for CPUs use, besides those whose names say so.
FOR_CPUS = {"conv2d_grad_weights_pad.cl"}

FIRST_LINE = re.compile(r'#line 1 "([\w.]+)"\n')


class CaptureError(Exception):
    """The program could not be watched; the text is for a person."""


def wait(process, enough, longest=3600):
    """Waits for the process's end, for so many seconds; ends it when what it has launched is enough."""
    end = time.monotonic() + longest
    while True:
        try:
            return process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            late = time.monotonic() > end
            if not late and not enough():
                continue
            process.kill()
            process.wait()
            if late:
                raise CaptureError(f"{process.args[0]} does not end within {longest} s")
            return 0


def run(build, profile, commands, directory, dry=False, enough=lambda: False):
    """Runs the commands as if on the profile's device; their programs, without those of libraries. dry: nothing is computed.
    enough: says whether what a command has launched by now will do, asked each second."""
    directory.mkdir(parents=True)
    layers = [Path(build, "tests", f"lib{name}.so") for name in ("limits", "capture")]
    for layer in layers:
        if not layer.exists():
            raise CaptureError(f"{layer} is not there: it needs an OpenCL loader that knows layers (ocl-icd 2.3 does)")
    cache = Path(build, "cache")
    environment = dict(os.environ, OPENCL_LAYERS=":".join(str(layer) for layer in layers), TESSERA_LAYER_PROFILE=profile,
                       TESSERA_CAPTURE=str(directory), TESSERA_CAPTURE_DRY=str(int(dry)), TESSERA_PROGRAM_CACHE="0",
                       TESSERA_TUNING="0", CK_DEFAULT_TIMEOUT="0")
    environment.setdefault("XDG_CACHE_HOME", str(cache))
    environment.setdefault("POCL_CACHE_DIR", str(cache / "pocl"))
    for command in commands:
        said = directory / "said"
        with open(said, "wb") as file, subprocess.Popen([str(word) for word in command], env=environment, stdout=file,
                                                        stderr=subprocess.STDOUT) as process:
            code = wait(process, enough)
        if code:
            last = "; ".join(said.read_text(errors="replace").strip().splitlines()[-3:])
            raise CaptureError(f"{' '.join(map(str, command))} exits with {code} as if on {profile}: {last}")
    return read(directory)


def networks(build, profile, files, directory):
    """The programs of the networks' training and inference."""
    programs = run(build, profile, [[Path(build, "tests", "epoch"), file] for file in files], directory, dry=True)
    wrong = sorted({program.file for program in programs if program.file.endswith("_cpu.cl")})
    if wrong:
        raise CaptureError(f"kernels for CPUs ran as if on {profile}: {', '.join(wrong)}; is the layer liblimits.so in force?")
    return programs


def read(directory):
    """The programs that were launched, from what the layer wrote."""
    record = Path(directory, "captured")
    if not record.exists():
        raise CaptureError("the OpenCL loader did not load the layer libcapture.so: nothing was written down")
    options, groups = {}, {}
    for line in record.read_text().splitlines():
        kind, key, rest = (line.split(" ", 2) + [""])[:3]
        if kind == "program":
            options[key] = rest
        else:
            name, *group = rest.split()
            group = tuple(int(n) for n in group)
            groups.setdefault(key, {}).setdefault(name, set()).add(group if any(group) else ())
    programs = []
    for key in sorted(groups):
        source = Path(directory, f"{key}.cl")
        first = FIRST_LINE.match(source.read_text())
        if first:  # those of CLBlast do not say
            programs.append(Program(first.group(1), source, options[key], groups[key], True))
    if not programs:
        raise CaptureError("no program of this project was launched")
    return sorted(programs, key=lambda program: (program.file, program.options))


def kernel_files(directory):
    """The kernel files that a GPU may run: those with a kernel that are not for CPUs."""
    return sorted(path.name for path in Path(directory).glob("*.cl")
                  if not path.stem.endswith("_cpu") and path.name not in FOR_CPUS
                  and re.search(r"\b(__)?kernel\b", without_comments(path.read_text())))


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def test_of(build, file):
    """The test of a kernel file: the one of its stem, or of what the stem begins with."""
    words = Path(file).stem.split("_")
    for count in range(len(words), 0, -1):
        path = Path(build, "tests", "test_" + "_".join(words[:count]))
        if path.exists():
            return path
    return None


def enough_after(seconds, file, directory):
    """Says whether so many seconds have gone and programs of the file were launched."""
    end = time.monotonic() + seconds

    def enough():
        try:
            return time.monotonic() > end and any(program.file == file for program in read(directory))
        except (CaptureError, LookupError, OSError, ValueError):  # nothing yet, or in the midst of being written
            return False

    return enough


def missing_programs(build, profile, files, directory, most=3, seconds=60):
    """Programs of kernel files that the networks do not use, out of the files' tests: of each file `most`, with different
    options. A test that has launched some and takes longer than `seconds` is ended. A file that no test of its own launches
    is an error."""
    found = []
    for number, file in enumerate(files):
        test = test_of(build, file)
        place = directory / str(number)
        tested = run(build, profile, [[test]], place, enough=enough_after(seconds, file, place)) if test else []
        own = [program for program in tested if program.file == file]
        if not own:
            raise CaptureError(f"no network and no test launches {file} as if on {profile}")
        found.extend(program._replace(main=False) for program in own[::max(1, len(own) // most)][:most])
    return found
