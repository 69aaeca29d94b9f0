#!/usr/bin/env python3
"""Makes keras{2,3}_{small,variants}.h5.gz and their outputs with the Keras that runs it.

    python make_keras_fixtures.py        with Keras 2.15, then with Keras 3

The small model is compiled, trained for two steps and saved with its optimizer; the variants are not compiled. Element i
of the inputs is ((i * 37 + 11) % 101) / 100; keras{2,3}_outputs.json holds what the models predict for 3 such images.
"""
import gzip
import json
import os
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
from keras import layers

HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = int(keras.__version__.split(".")[0])


def images(*shape):
    return ((np.arange(np.prod(shape)) * 37 + 11) % 101 / 100).astype("float32").reshape(shape)


def spread(model):
    """Weights that are neither zero nor symmetric, so that a mistake shows."""
    for number, weight in enumerate(model.weights):
        values = (np.arange(np.prod(weight.shape)) * (7 + number) + 3) % 23 / 23 - 0.4
        scale = 1 / np.sqrt(max(np.prod(weight.shape[:-1]), 1))
        weight.assign((2 * scale * values).reshape(weight.shape))


def small():
    model = keras.Sequential([
        layers.InputLayer(input_shape=(8, 8, 1)) if VERSION == 2 else layers.Input((8, 8, 1)),
        layers.Conv2D(3, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(4, activation="relu"),
        layers.Dropout(0.4),
        layers.Dense(3, activation="softmax"),
    ])
    spread(model)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images(4, 8, 8, 1), np.array([0, 1, 2, 1]), batch_size=2, epochs=1, verbose=0)
    return model


def variants():
    first = {"input_shape": (11, 10, 2)} if VERSION == 2 else {}
    model = keras.Sequential(([] if VERSION == 2 else [layers.Input((11, 10, 2), name="picture")]) + [
        layers.Conv2D(3, (1, 3), strides=(2, 1), use_bias=False, activation="tanh", name="stem", **first),
        layers.Conv2D(4, 2, strides=1, padding="same"),
        layers.Activation("elu"),
        layers.AveragePooling2D((2, 3), strides=1, padding="same"),
        layers.MaxPooling2D((3, 2), strides=(1, 2), padding="valid", name="pool"),
        layers.Dropout(0.25),
        layers.Conv2D(5, (3, 1), activation="gelu"),
        layers.Flatten(),
        layers.Dense(4, use_bias=False, activation="swish"),
        layers.Dense(3, activation="sigmoid"),
        layers.Dense(3, name="logits"),
        layers.Activation("softmax", name="probabilities"),
    ], name="variants")
    spread(model)
    return model


outputs = {}
for name, model, shape in ("small", small(), (3, 8, 8, 1)), ("variants", variants(), (3, 11, 10, 2)):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "model.h5")
        model.save(path)
        with open(path, "rb") as file:
            packed = gzip.compress(file.read(), mtime=0)
    with open(os.path.join(HERE, f"keras{VERSION}_{name}.h5.gz"), "wb") as file:
        file.write(packed)
    outputs[name] = [round(float(x), 9) for x in model.predict(images(*shape), verbose=0).ravel()]
with open(os.path.join(HERE, f"keras{VERSION}_outputs.json"), "w") as file:
    json.dump(outputs, file, indent=1)
    file.write("\n")
