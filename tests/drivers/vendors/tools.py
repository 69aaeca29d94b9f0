"""Where the compilers are."""
import glob
import os
import re
import shutil
from dataclasses import dataclass


@dataclass
class Tools:
    clang: str
    libclc: str
    ptxas: str
    nvdisasm: str
    ocloc: str


def find_clang():
    """The oldest clang from 15 on: libclc is made by one of them, and a newer one may not know its functions."""
    found = []
    for directory in os.environ.get("PATH", "").split(":"):
        for path in glob.glob(os.path.join(directory, "clang-*")):
            version = re.fullmatch(r"clang-(\d+)", os.path.basename(path))
            if version and int(version.group(1)) >= 15:
                found.append((int(version.group(1)), path))
    return min(found)[1] if found else None


def find_in(name, directories):
    """A program in one of the directories, else in PATH, else in CUDA's usual place."""
    return shutil.which(name, path=":".join(directories)) or shutil.which(name) or shutil.which(name, path="/usr/local/cuda/bin")


def find_tools(environment, vendors):
    """The compilers of these vendors. environment: a virtual environment with NVIDIA's packages, or None. Returns the tools,
    and for each vendor that lacks some the names of those."""
    python = glob.glob(os.path.join(environment, "lib/python3*/site-packages/nvidia/*/bin")) if environment else []
    libclc = next((path for path in ("/usr/lib/clc", "/usr/share/clc", "/usr/lib64/clc")
                   if os.path.exists(f"{path}/amdgcn--amdhsa.bc")), None)
    tools = Tools(find_clang(), libclc, find_in("ptxas", python), find_in("nvdisasm", python), shutil.which("ocloc"))
    needed = {"amd": ("clang", "libclc"), "nvidia": ("clang", "libclc", "ptxas", "nvdisasm"), "intel": ("ocloc",)}
    missing = {vendor: [name for name in needed[vendor] if not getattr(tools, name)] for vendor in vendors}
    return tools, {vendor: names for vendor, names in missing.items() if names}
