"""One measurement of one peer, in a process of its own: prints a JSON object on the last line.

    worker.py '{"peer": "torch", "task": "epoch", "threads": 2, ...}'

Times begin when everything is warm and the samples are in the framework's memory, scaled to 0..1.
"""
import gzip
import json
import os
import pathlib
import statistics
import sys
import time

import numpy as np

import networks

BATCHES = (32, 64, 128, 256, 512, 1000, 2500, 10000)  # tried in inference
VALIDATION_BATCH = 256
WARM_STEPS = 50


def read_idx(directory, name, offset):
    for file, opened in ((name, open), (name + ".gz", gzip.open)):
        path = pathlib.Path(directory, file)
        if path.exists():
            with opened(path, "rb") as stream:
                return np.frombuffer(stream.read(), np.uint8, offset=offset)
    raise SystemExit(f"{directory} has no {name}")


def fashion_mnist(directory, part):
    images = read_idx(directory, part + "-images-idx3-ubyte", 16).reshape(-1, 28, 28, 1)
    return images.astype(np.float32) / 255, read_idx(directory, part + "-labels-idx1-ubyte", 8).astype(np.int64)


def split(images, labels):
    """train_test_split(test_size=0.2, random_state=42)"""
    order = np.random.RandomState(42).permutation(len(images))
    held_out = len(images) // 5
    validation, training = order[:held_out], order[held_out:]
    return (images[training], labels[training]), (images[validation], labels[validation])


def made_up(shape, count):
    random = np.random.default_rng(1)
    return random.random((count, *shape), np.float32), random.integers(0, 10, count)


def samples(job):
    """Training samples, and validation samples or None."""
    if job["task"] == "steps":
        shape, _ = networks.read(job["network"])
        return made_up(shape, 32 * job["steps"]), None
    return split(*fashion_mnist(job["data"], "train"))


def median_of(calls, warm, function):
    """Median time of several calls, after some to warm up."""
    times = []
    for i in range(warm + calls):
        start = time.perf_counter()
        function()
        if i >= warm:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def inference(job, convert, run):
    """run(images) gives probabilities in host memory; convert(images) is how the peer wants them to lie."""
    images = convert(fashion_mnist(job["data"], "t10k")[0])

    def all_of(batch):
        for i in range(0, len(images), batch):
            run(images[i:i + batch])

    seconds = {batch: median_of(1, 1, lambda batch=batch: all_of(batch)) for batch in BATCHES}
    best = min(seconds, key=seconds.get)
    one = images[:1]
    return {"seconds": median_of(5, 1, lambda: all_of(best)), "batch_size": best, "by_batch_size": seconds,
            "one_image_seconds": median_of(300, 20, lambda: run(one))}


# Keras on TensorFlow


def keras_setup(job):
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(job["threads"])


def keras_training(job):
    keras_setup(job)
    import keras

    (x, y), validation = samples(job)
    model = networks.keras_model(job["network"])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"],
                  steps_per_execution=job.get("steps_per_execution", 1))
    marks = {}

    class Times(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            marks["begin"] = time.perf_counter()

        def on_test_begin(self, logs=None):
            marks["validation"] = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            marks["end"] = time.perf_counter()

    def fit(count):
        held_out = validation and tuple(part[:count] for part in validation)
        marks.clear()
        history = model.fit(x[:count], y[:count], batch_size=32, epochs=1, verbose=0, callbacks=[Times()],
                            validation_data=held_out, validation_batch_size=VALIDATION_BATCH)
        trained = marks.get("validation", marks["end"])
        return trained - marks["begin"], marks["end"] - marks["begin"], history.history

    fit(32 * WARM_STEPS)
    return finish(job, fit, len(x))


def keras_inference(job):
    keras_setup(job)
    import tensorflow as tf

    model = networks.keras_model(job["network"])
    shape, _ = networks.read(job["network"])
    run = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((None, *shape))])
    return inference(job, np.ascontiguousarray, lambda x: run(x).numpy())


# PyTorch


def torch_images(images, channels_last):
    """NCHW tensors; with channels_last they lie in memory as NHWC, and so do parts of them."""
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return tensor if channels_last else tensor.contiguous()


def torch_setup(job):
    import torch

    torch.set_num_threads(job["threads"])
    torch.manual_seed(1)
    model = networks.torch_model(job["network"])
    return model.to(memory_format=torch.channels_last) if job.get("channels_last") else model


def torch_training(job):
    import torch

    model = torch_setup(job)
    (x, y), validation = samples(job)
    last = bool(job.get("channels_last"))

    def lay_out(part):
        images, labels = part
        # Rows are gathered from memory that lies as the images are wanted.
        stored = torch.from_numpy(images) if last else torch_images(images, False)
        return stored, torch.from_numpy(labels)

    def take(stored, which):
        return stored[which].permute(0, 3, 1, 2) if last else stored[which]

    x, y = lay_out((x, y))
    held_out = validation and lay_out(validation)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7, fused=True)
    criterion = torch.nn.CrossEntropyLoss()

    def train(count):
        model.train()
        loss_sum, hits = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for which in torch.randperm(count).split(32):
            labels = y[which]
            logits = model(take(x, which))
            loss = criterion(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(which)
            hits += (logits.detach().argmax(1) == labels).sum()
        return {"loss": [loss_sum.item() / count], "accuracy": [hits.item() / count]}

    def validate(count):
        model.eval()
        loss_sum = hits = 0
        with torch.inference_mode():
            for which in torch.arange(count).split(VALIDATION_BATCH):
                logits, labels = model(take(held_out[0], which)), held_out[1][which]
                loss_sum += criterion(logits, labels) * len(which)
                hits += (logits.argmax(1) == labels).sum()
        return {"val_loss": [loss_sum.item() / count], "val_accuracy": [hits.item() / count]}

    def fit(count):
        start = time.perf_counter()
        history = train(count)
        trained = time.perf_counter()
        if held_out:
            history.update(validate(min(count, len(held_out[0]))))
        return trained - start, time.perf_counter() - start, history

    fit(32 * WARM_STEPS if held_out else 32 * min(WARM_STEPS, job["steps"]))
    return finish(job, fit, len(x))


def torch_inference(job):
    import torch

    model = torch_setup(job).eval()
    model = torch.nn.Sequential(model, torch.nn.Softmax(1))
    last = bool(job.get("channels_last"))

    def run(x):
        with torch.inference_mode():
            return model(x).numpy()

    return inference(job, lambda images: torch_images(images, last), run)


# ONNX Runtime


def onnxruntime_inference(job):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    session = onnxruntime.InferenceSession(networks.onnx_model(job["network"]), options,
                                           providers=["CPUExecutionProvider"])
    return inference(job, lambda images: np.ascontiguousarray(images.transpose(0, 3, 1, 2)),
                     lambda x: session.run(None, {"x": x})[0])


def finish(job, fit, count):
    """The measured epoch; or for "steps" the median of three short ones."""
    if job["task"] == "steps":
        return {"step_seconds": statistics.median(fit(count)[0] for _ in range(3)) / job["steps"]}
    training, total, history = fit(count)
    return {"training_seconds": training, "seconds": total,
            **{name: float(values[0]) for name, values in history.items()}}


def main():
    job = json.loads(sys.argv[1])
    kind = "inference" if job["task"] == "inference" else "training"
    result = globals()[f"{job['peer']}_{kind}"](job)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
