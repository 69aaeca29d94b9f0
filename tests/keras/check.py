"""Checks Tessera's .h5 files against the Keras that runs this script, in both directions.

    python check.py TESSERA_PROGRAM WORK_DIRECTORY

The work directory is shared by the runs with Keras 2.15 and Keras 3: the first makes the data (2,000 training images of
Fashion-MNIST and the whole test set) and trains with Tessera. Exits with 1 when a check fails.
"""
import gzip
import json
import os
import struct
import subprocess
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import h5py
import keras
import numpy as np
from keras import layers

PROGRAM, WORK = sys.argv[1:3]
VERSION = int(keras.__version__.split(".")[0])
DATA = os.path.join(WORK, "data")
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
TRAINING_IMAGES = 2000
failures = 0


def check(what, holds, detail=""):
    global failures
    failures += not holds
    print(f"  {'ok' if holds else 'FAILED'}  {what}{': ' if detail else ''}{detail}", flush=True)


def read_idx(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        rank = file.read(4)[3]
        shape = struct.unpack(f">{rank}i", file.read(4 * rank))
        return np.frombuffer(file.read(), dtype="uint8").reshape(shape)


def write_idx(path, array):
    with open(path, "wb") as file:
        file.write(bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes())


def make_data():
    source = os.environ.get("TESSERA_DATA", "/usr/share/datasets/fashion-mnist")
    os.makedirs(DATA, exist_ok=True)
    for name in FILES:
        path = os.path.join(source, name)
        array = read_idx(path if os.path.exists(path) else path + ".gz")
        write_idx(os.path.join(DATA, name), array[:TRAINING_IMAGES] if name.startswith("train") else array)


def load_data(part):
    images, labels = (read_idx(os.path.join(DATA, name)) for name in FILES if name.startswith(part))
    return images[..., None].astype("float32") / np.float32(255), labels.astype("int64")


def tessera(*arguments):
    return subprocess.run([PROGRAM, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def make_models():
    for name, options in ("tessera", []), ("tessera_keras2", ["--keras2"]), ("tessera_sgd", [
            "--keras2", "--optimizer", "sgd", "--momentum", "0.9"]):
        tessera("train", "--data", DATA, "--epochs", "2", "--verbose", "0", "--output", path_of(name),
                "--history", os.path.join(WORK, name + ".csv"), *options)


def path_of(name):
    return os.path.join(WORK, name + ".h5")


def compare(what, path, model, test):
    """Loss within 1e-4 and the same accuracy to one image."""
    ours = json.loads(tessera("evaluate", path, "--data", DATA, "--json"))
    loss, accuracy = model.evaluate(*test, verbose=0)
    images = len(test[1])
    check(f"{what}: loss", abs(ours["loss"] - loss) <= 1e-4, f"Tessera {ours['loss']:.6f}, Keras {loss:.6f}")
    check(f"{what}: accuracy", abs(ours["accuracy"] - accuracy) * images <= 1.001,
          f"Tessera {ours['accuracy']:.4f}, Keras {accuracy:.4f}")


def check_optimizer(name, count):
    """Keras 2.15 takes the steps and the moments from the file, and goes on training."""
    model = keras.models.load_model(path_of(name))
    variables = [np.array(v) for v in model.optimizer.variables]
    with h5py.File(path_of(name)) as file:
        group = file["optimizer_weights"]
        stored = [np.array(group[n]) for n in group.attrs["weight_names"]]
    steps = 2 * -(-TRAINING_IMAGES * 4 // 5 // 32)
    check(f"{name}: steps", int(model.optimizer.iterations) == steps, f"{int(model.optimizer.iterations)} of {steps}")
    # Keras's optimizers also have the learning rate as a variable, second in the list.
    moments = [v for v in variables[1:] if v.ndim]
    check(f"{name}: number of moments", len(moments) == len(stored) - 1 == count)
    check(f"{name}: moments", all(np.array_equal(a, b) for a, b in zip(moments, stored[1:])) and
          all(np.any(m) for m in moments))
    model.fit(*[a[:64] for a in load_data("train")], batch_size=32, epochs=1, verbose=0)
    check(f"{name}: goes on training", int(model.optimizer.iterations) == steps + 2)


def keras_model(activation):
    model = keras.Sequential(([] if VERSION == 2 else [layers.Input((28, 28, 1))]) + [
        layers.Conv2D(8, (3, 5), padding="same", activation=activation,
                      **({"input_shape": (28, 28, 1)} if VERSION == 2 else {})),
        layers.MaxPooling2D((2, 3)),
        layers.Conv2D(16, 3, strides=2, activation="elu", use_bias=False),
        layers.AveragePooling2D(2, strides=1, padding="same"),
        layers.Flatten(), layers.Dense(32), layers.Activation(activation), layers.Dropout(0.4),
        layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main():
    if not os.path.exists(path_of("tessera_sgd")):
        make_data()
        make_models()
    print(f"Keras {keras.__version__}")
    test = load_data("t10k")
    for name in "tessera", "tessera_keras2", "tessera_sgd":
        compare(f"{name}.h5 in Keras", path_of(name), keras.models.load_model(path_of(name)), test)
    if VERSION == 2:
        check_optimizer("tessera_keras2", 16)
        check_optimizer("tessera_sgd", 8)
    for activation in "relu", "swish", "leaky_relu" if VERSION == 3 else "selu":
        model = keras_model(activation)
        model.fit(*load_data("train"), batch_size=32, epochs=1, verbose=0)
        path = path_of(f"keras{VERSION}_{activation}")
        model.save(path)
        compare(f"Keras's file ({activation}) in Tessera", path, model, test)
    sys.exit(failures > 0)


main()
