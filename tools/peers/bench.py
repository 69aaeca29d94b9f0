"""Runs every measurement of every peer in alternation, and prints the medians; started by tools/bench-peers."""
import argparse
import csv
import gzip
import json
import math
import os
import pathlib
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
from importlib import metadata

HERE = pathlib.Path(__file__).resolve().parent
NETWORKS = HERE.parent.parent / "data" / "networks"
TASKS = ("epoch", "inference", "vgg", "strided", "growth")

# Settings of libraries that a peer would inherit; each finds its own best without them.
UNSET = ("OPENBLAS_", "GOTO_", "OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_", "TF_", "XLA_", "ATEN_", "TORCH_",
         "PYTORCH_", "ORT_", "NPY_", "NUMEXPR_", "BLIS_", "VECLIB_", "KERAS_", "CUDA_", "LD_PRELOAD", "MALLOC_",
         "PYTHON")

# The names of those that train, with what their worker is told.
TRAINERS = {
    "Keras on TensorFlow": {"peer": "keras"},
    "Keras, steps_per_execution=50": {"peer": "keras", "steps_per_execution": 50},
    "PyTorch, contiguous": {"peer": "torch"},
    "PyTorch, channels_last": {"peer": "torch", "channels_last": True},
}
PREDICTORS = {
    "Keras on TensorFlow": {"peer": "keras"},
    "PyTorch, contiguous": {"peer": "torch"},
    "PyTorch, channels_last": {"peer": "torch", "channels_last": True},
    "ONNX Runtime": {"peer": "onnxruntime"},
}
STEPS = {"vgg": 10, "strided": 50}  # of a round
TURNS = 5  # of a round, where small differences are looked for


def say(text):
    print(text, file=sys.stderr, flush=True)


def threads():
    return len(os.sched_getaffinity(0))


def peers_environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNSET)}
    return {**kept, "TF_ENABLE_ONEDNN_OPTS": "1"}


def tessera_environment():
    """PoCL has a thread for each core of the machine unless told of fewer."""
    few = {"POCL_MAX_PTHREAD_COUNT": str(threads())} if threads() < (os.cpu_count() or 1) else {}
    return {**os.environ, **few}


def run(command, environment):
    """What a command printed, and the most memory that it held, in bytes."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(map(str, command))}\nfailed "
                             f"({process.returncode}):\n{output}{errors.read()}")
    return output, usage.ru_maxrss * 1024


def run_peer(job):
    output, memory = run([sys.executable, HERE / "worker.py", json.dumps(job)], peers_environment())
    return {**json.loads(output.splitlines()[-1]), "peak_memory": memory}


def run_tessera(program, *arguments):
    output, memory = run([program, *map(str, arguments)], tessera_environment())
    return output, memory


def tessera_bench(program, *arguments):
    return json.loads(run_tessera(program, "bench", "--json", *arguments)[0])


def tessera_epochs(settings, data, epochs, *options):
    """The history's rows of a training run, and the most memory that it held."""
    with tempfile.TemporaryDirectory() as directory:
        history = pathlib.Path(directory, "history.csv")
        _, memory = run_tessera(settings.tessera, "train", "--epochs", epochs, "--patience", epochs, "--verbose", 0,
                                "--data", data, "--output", pathlib.Path(directory, "model.h5"), "--history", history,
                                *options)
        with open(history, encoding="utf-8") as file:
            return list(csv.DictReader(file)), memory


def tessera_epoch(settings):
    (row,), memory = tessera_epochs(settings, settings.data, 1)
    return {"seconds": float(row["seconds"]), "loss": float(row["loss"]), "val_loss": float(row["val_loss"]),
            "accuracy": float(row["accuracy"]), "val_accuracy": float(row["val_accuracy"]), "peak_memory": memory}


def tessera_inference(settings):
    bench = tessera_bench(settings.tessera, "--data", settings.data, "--images", 10000)
    # A round of ten thousand images one by one is not what the best batch size is looked for with.
    rows = [row for row in bench["prediction"] if row["images"] == 10000]
    best = min(rows, key=lambda row: row["seconds"])
    return {"seconds": best["seconds"], "batch_size": best["batch_size"],
            "one_image_seconds": bench["one_image_seconds"], "bench": bench}


def tessera_steps(settings, task):
    bench = tessera_bench(settings.tessera, "--model", NETWORKS / f"{task}.json", "--steps", STEPS[task], "--images",
                          32)
    return {"step_seconds": bench["training"]["step_seconds"], "bench": bench}


def cut_data(source, target, images):
    """Writes a data set of the first images of another, with the same test images."""
    for path in pathlib.Path(source).glob("*-ubyte*"):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            content = file.read()
        if path.name.startswith("train-"):
            dimensions = content[3]
            header = 4 + 4 * dimensions
            sizes = struct.unpack_from(f">{dimensions}I", content, 4)
            images = min(images, sizes[0])
            kept = images * math.prod(sizes[1:])
            content = content[:4] + struct.pack(">I", images) + content[8:header + kept]
        pathlib.Path(target, path.name.removesuffix(".gz")).write_bytes(content)


def doubled(by_size):
    """How much larger a figure gets when a size is doubled: the median of the turns, for each size but the last."""
    sizes = list(by_size)
    return [statistics.median(after / before for before, after in zip(by_size[small], by_size[large]))
            for small, large in zip(sizes, sizes[1:])]


def tessera_growth(settings):
    """Images a second by batch size, and seconds of an epoch by the number of its images, validation included: medians
    of short runs in alternation, as the machine's speed changes by more than what is looked for, with what others do
    on it. The weights all but stay as they are, since how many gradients are zero changes as a network learns, and
    the runs on fewer images take as many steps."""
    batches, sizes = (32, 64, 128, 256), (7500, 15000, 30000)
    most = max(sizes)
    runs = {run: [] for run in [(images, batches[0]) for images in sizes] + [(most, batch) for batch in batches]}
    with tempfile.TemporaryDirectory() as directory:
        for images in sizes:
            pathlib.Path(directory, str(images)).mkdir()
            cut_data(settings.data, pathlib.Path(directory, str(images)), images)
        for number in range(settings.rounds * TURNS):
            say(f"turn {number + 1} of {settings.rounds * TURNS}: growth, Tessera")
            for (images, batch), seconds in runs.items():
                epochs = tessera_epochs(settings, pathlib.Path(directory, str(images)), most // images, "--batch-size",
                                        batch, "--learning-rate", 1e-9)[0]
                seconds.append(statistics.fmean(float(epoch["seconds"]) for epoch in epochs))
    by_batch = {batch: [most / seconds for seconds in runs[most, batch]] for batch in batches}
    by_images = {images: runs[images, batches[0]] for images in sizes}
    return {"images_per_second_by_batch_size": {k: statistics.median(v) for k, v in by_batch.items()},
            "images_per_second_doubled": doubled(by_batch),
            "seconds_by_images": {k: statistics.median(v) for k, v in by_images.items()},
            "seconds_doubled": doubled(by_images)}


def jobs_of(task, settings):
    """The measurements of a task by the name of who does it; Tessera last."""
    common = {"threads": threads(), "data": settings.data, "network": str(NETWORKS / "reference.json")}
    if task == "growth":
        return {}
    if task == "inference":
        jobs = {name: {**common, **job, "task": "inference"} for name, job in PREDICTORS.items()}
        return {**{name: lambda job=job: run_peer(job) for name, job in jobs.items()},
                "Tessera": lambda: tessera_inference(settings)}
    jobs = {name: {**common, **job, "task": "epoch"} for name, job in TRAINERS.items()}
    if task == "epoch":
        return {**{name: lambda job=job: run_peer(job) for name, job in jobs.items()},
                "Tessera": lambda: tessera_epoch(settings)}
    for job in jobs.values():
        job.update(task="steps", steps=STEPS[task], network=str(NETWORKS / f"{task}.json"))
        if "steps_per_execution" in job:
            job["steps_per_execution"] = STEPS[task]
    return {**{name: lambda job=job: run_peer(job) for name, job in jobs.items()},
            "Tessera": lambda: tessera_steps(settings, task)}


def measure(settings, tasks):
    """{task: {name: [result of each round]}}"""
    results = {task: {name: [] for name in jobs_of(task, settings)} for task in tasks}
    for number in range(settings.rounds):
        for task in tasks:
            for name, job in jobs_of(task, settings).items():
                say(f"round {number + 1} of {settings.rounds}: {task}, {name}")
                results[task][name].append(job())
    return results


def medians(results, key):
    """(name, median, least, most) of a figure, for each who has it."""
    rows = []
    for name, rounds in results.items():
        values = [result[key] for result in rounds]
        rows.append((name, statistics.median(values), min(values), max(values)))
    return rows


def table(title, unit, rows, scale, against=None):
    """Prints the medians, and Tessera's advantage over each; returns that over the fastest, or over one of them."""
    own = next(row[1] for row in rows if row[0] == "Tessera")
    print(f"{title} ({unit})\n")
    print("| | median | least | most | times Tessera's |\n|---|---|---|---|---|")
    for name, middle, least, most in rows:
        print(f"| {name} | {middle * scale:.4g} | {least * scale:.4g} | {most * scale:.4g} | {middle / own:.2f} |")
    others = [row for row in rows if row[0] != "Tessera" and against in (None, row[0])]
    fastest = min(others, key=lambda row: row[1])
    ratio = fastest[1] / own
    print(f"\n{fastest[0]} takes {ratio:.2f} times as long as Tessera.\n")
    return ratio


def print_epoch(results, summary):
    summary["epoch"] = table("Epoch of the reference network, training and validation", "s",
                             medians(results, "seconds"), 1)
    print("| | validation accuracy | most memory held (MiB) |\n|---|---|---|")
    for (name, accuracy, *_), (_, memory, *_) in zip(medians(results, "val_accuracy"),
                                                     medians(results, "peak_memory")):
        print(f"| {name} | {accuracy:.4f} | {memory / 2**20:.0f} |")
    print()


def print_inference(results, summary):
    summary["inference"] = table("10,000 images, each at its best batch size", "ms", medians(results, "seconds"), 1e3,
                                 "ONNX Runtime")
    summary["one_image"] = table("One image", "ms", medians(results, "one_image_seconds"), 1e3, "ONNX Runtime")
    training = [result["bench"]["training"] for result in results["Tessera"]]
    for key in ("step_seconds", "dense_time_ratio", "launches", "kernel_share"):
        summary[f"training_{key}"] = statistics.median(row[key] for row in training)
    print(f"Training step of the reference network: {summary['training_step_seconds'] * 1e3:.3f} ms, "
          f"{summary['training_dense_time_ratio']:.2f} times its dense work at the measured peak, "
          f"{summary['training_launches']:.4g} launches, "
          f"{summary['training_kernel_share'] * 100:.0f} % of the time inside kernels\n")


def print_growth(growth):
    for title, rows, factors, form in (
            ("batch size | images/s in an epoch, a fifth of them for validation",
             growth["images_per_second_by_batch_size"], growth["images_per_second_doubled"], "{:.0f}"),
            ("images in an epoch, a fifth of them for validation | s", growth["seconds_by_images"],
             growth["seconds_doubled"], "{:.3f}")):
        print(f"| {title} | times that of the half, by turn |\n|---|---|---|")
        for (size, figure), factor in zip(rows.items(), [None, *factors]):
            print(f"| {size} | {form.format(figure)} | {f'{factor:.3f}' if factor else ''} |")
        print()


def print_results(results, growth):
    """Everything as text; returns the ratios."""
    summary = {}
    if "epoch" in results:
        print_epoch(results["epoch"], summary)
    if "inference" in results:
        print_inference(results["inference"], summary)
    for task in STEPS:
        if task in results:
            summary[task] = table(f"Training step of the network {task}, batch 32", "ms",
                                  medians(results[task], "step_seconds"), 1e3)
    if growth:
        print_growth(growth)
    return summary


def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def machine(settings):
    lines = subprocess.run(["lscpu"], stdout=subprocess.PIPE, text=True, check=False,
                           env={**os.environ, "LC_ALL": "C"}).stdout.splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    wanted = ("Model name", "CPU family", "Model", "L1d cache", "L2 cache", "L3 cache")
    devices = json.loads(run_tessera(settings.tessera, "devices", "--json")[0])
    chosen = next((device for device in devices if device["chosen"]), devices[0])
    packages = ("keras", "tensorflow-cpu", "tensorflow", "torch", "onnxruntime")
    return {"cpu": {name: fields[name].strip() for name in wanted if name in fields}, "cores": threads(),
            "load_before": os.getloadavg()[0], "kernel": platform.release(), "python": platform.python_version(),
            "device": {key: chosen[key] for key in ("name", "platform_version", "driver", "vector_width")},
            "peers": {name: version(name) for name in packages if version(name)}}


def print_machine(facts):
    cpu = ", ".join(f"{name} {value}" for name, value in facts["cpu"].items())
    peers = ", ".join(f"{name} {value}" for name, value in facts["peers"].items())
    device = facts["device"]
    print(f"{cpu}; {facts['cores']} cores used; load {facts['load_before']:.2f} before the start\n")
    print(f"Tessera on {device['name']}, {device['platform_version']}, vectors of {device['vector_width']}; {peers}\n")


def default_data():
    data_home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    packaged, own = "/usr/share/datasets/fashion-mnist", os.path.join(data_home, "tessera/fashion-mnist")
    return os.environ.get("TESSERA_DATA") or (packaged if os.path.isdir(packaged) else own)


def read_arguments():
    parser = argparse.ArgumentParser(prog="bench-peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, for trying it out")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of every measurement (default: 3)")
    parser.add_argument("--only", default=",".join(TASKS), help=f"some of {','.join(TASKS)} (default: all)")
    parser.add_argument("--json", metavar="FILE", help="write every figure to FILE as JSON")
    parser.add_argument("--tessera", metavar="PROGRAM", required=True, help="the program to measure")
    parser.add_argument("--data", default=default_data(), help="directory of Fashion-MNIST (default: where it is)")
    settings = parser.parse_args()
    settings.tessera = os.path.abspath(settings.tessera)
    if settings.quick:
        settings.rounds = 1
    unknown = set(settings.only.split(",")) - set(TASKS)
    if unknown or settings.rounds < 1:
        parser.error(f"there is no task {', '.join(sorted(unknown))}" if unknown else "at least one round is needed")
    return settings


def main():
    settings = read_arguments()
    tasks = [task for task in TASKS if task in settings.only.split(",")]
    facts = machine(settings)
    results = measure(settings, [task for task in tasks if task != "growth"])
    growth = None
    if "growth" in tasks:
        growth = tessera_growth(settings)
    print_machine(facts)
    ratios = print_results(results, growth)
    if settings.json:
        with open(settings.json, "w", encoding="utf-8") as file:
            json.dump({"machine": facts, "rounds": settings.rounds, "ratios": ratios, "results": results,
                       "growth": growth}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
