#!/usr/bin/env python3
"""Makes keras_step_{tiny,reference,batch}.json: training steps of Keras in double precision.

    python make_step_fixture.py        with Keras 2.15 or 3 on TensorFlow

Weights, images and labels come from a formula that tests/test_keras_step.c has as well (`uniform` below). Ten steps of
Adam on one batch give the losses, the gradients of the first step, and the weights after one and ten steps: of a tiny
network, and of the reference network with 8 images. With a whole batch of 32 images (batch) it takes one step. Of each
tensor the file has the L2 norm, the largest magnitude, and samples, from the run in double precision; and how far
Keras's run in single precision is from them, relative to the norm and to the largest magnitude.

Dropout is off. Where a relu's input is so near zero, or two values of a pooling window so near each other, that rounding
decides, two correct programs differ by much more than rounding, the more the later. So seeds are tried until no relu and
no pooling window comes near a tie in any step. The margins of the reference network are as large as its many relus allow
(and therefore its batch is small): wider in the dense layer, where one unit of one image weighs a lot.
"""
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import tensorflow as tf
from keras import layers

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLES = 64
IMAGES, LABELS, CHOICE = 100, 101, 200


def mix(x):
    x = np.asarray(x, dtype="uint32")
    with np.errstate(over="ignore"):
        x ^= x >> np.uint32(16)
        x = x * np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x = x * np.uint32(0x846CA68B)
        return x ^ (x >> np.uint32(16))


def uniform(seed, tensor, count):
    """Elements 0 ... count-1 of a tensor, in [0, 1), multiples of 2^-24."""
    with np.errstate(over="ignore"):
        words = mix(np.arange(count, dtype="uint32") + mix([np.uint32(seed * 1000 + tensor)])[0])
    return (words >> np.uint32(8)).astype("float64") / 2**24


def weights_of(model, seed):
    """Kernels as Glorot uniform, biases in +-0.05."""
    values = []
    for number, weight in enumerate(model.weights):
        shape = tuple(weight.shape)
        area = int(np.prod(shape[:-2])) if len(shape) > 1 else 1
        limit = np.sqrt(6 / (area * (shape[-2] + shape[-1]))) if len(shape) > 1 else 0.05
        u = uniform(seed, number, int(np.prod(shape)))
        values.append(((2 * u - 1) * limit).astype("float32").reshape(shape))
    return values


def reference():
    return keras.Sequential([
        layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(100, activation="relu"), layers.Dense(10)])


def tiny():
    return keras.Sequential([
        layers.Conv2D(3, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(4, 2, padding="valid", activation="relu"), layers.AveragePooling2D((2, 1)),
        layers.Flatten(), layers.Dense(5, activation="relu"), layers.Dense(3)])


def near_tie(model, x, near):
    """Whether a relu's input is near zero, or a positive maximum near the next value of its window, relative to the
    largest magnitude of the layer. A relu before a max pool matters for the winners alone."""
    for layer, following in zip(model.layers, model.layers[1:] + [None]):
        if getattr(layer, "activation", None) is keras.activations.relu:
            layer.activation = keras.activations.linear
            z = layer(x).numpy()
            layer.activation = keras.activations.relu
            gap = np.abs(z)
            if isinstance(following, layers.MaxPooling2D):
                n, h, w, c = z.shape
                v = z[:, :h // 2 * 2, :w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4)
                v = np.sort(v.reshape(-1, 4), axis=1)
                gap = np.minimum(np.abs(v[:, 3]), np.where(v[:, 3] > 0, v[:, 3] - v[:, 2], np.inf))
            if gap.min() < near["dense" if isinstance(layer, layers.Dense) else "conv"] * np.abs(z).max():
                return True
        x = layer(x)
    return False


def run(build, shape, classes, seed, batch, steps, dtype, near=None):
    """Losses, the first gradients, weights after the first and the last step; None when a step comes near a tie."""
    keras.backend.set_floatx(dtype)
    keras.mixed_precision.set_global_policy(dtype)
    model = build()
    model.build((None,) + shape)
    assert all(dtype in str(weight.dtype) for weight in model.weights)
    for variable, value in zip(model.weights, weights_of(model, seed)):
        variable.assign(value.astype(dtype))
    count = batch * int(np.prod(shape))
    x = tf.constant(uniform(seed, IMAGES, count).astype(dtype).reshape((batch,) + shape))
    y = tf.constant((uniform(seed, LABELS, batch) * classes).astype("int64"))
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    adam = keras.optimizers.Adam()
    result = {"losses": []}
    for step in range(steps):
        if near and near_tie(model, x, near):
            return None
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=False))
        gradients = tape.gradient(loss, model.trainable_variables)
        adam.apply_gradients(zip(gradients, model.trainable_variables))
        result["losses"].append(float(loss))
        if step == 0:
            result["gradient"] = [g.numpy().astype("float64") for g in gradients]
            result["after_1"] = [np.array(w, dtype="float64") for w in model.get_weights()]
    result[f"after_{steps}"] = [np.array(w, dtype="float64") for w in model.get_weights()]
    return result


def number(x):
    return float(f"{x:.8g}")


def describe(seed, tensor, exact, single):
    exact, single = exact.ravel(), single.ravel()
    largest, norm = np.abs(exact).max(), np.linalg.norm(exact)
    chosen = range(exact.size)
    if exact.size > SAMPLES:
        chosen = (uniform(seed, CHOICE + tensor, SAMPLES) * exact.size).astype("int64")
    return {"norm": number(norm), "norm_difference": number(abs(np.linalg.norm(single) - norm) / norm),
            "max": number(largest), "difference": number(np.abs(single - exact).max() / largest),
            "samples": [number(exact[i]) for i in chosen]}


def make(name, build, shape, classes, seed, batch, steps, near):
    exact = run(build, shape, classes, seed, batch, steps, "float64", near)
    if not exact:
        return False
    single = run(build, shape, classes, seed, batch, steps, "float32")
    fixture = {"seed": seed, "batch": batch,
               "losses": [number(x) for x in exact["losses"]],
               "loss_difference": number(max(abs(a - b) / b for a, b in zip(single["losses"], exact["losses"]))),
               "tensors": []}
    for tensor in range(len(exact["gradient"])):
        fixture["tensors"].append({stage: describe(seed, tensor, exact[stage][tensor], single[stage][tensor])
                                   for stage in exact if stage != "losses"})
    worst = max(t[s]["difference"] for t in fixture["tensors"] for s in t)
    print(f"{name}: seed {seed}, single differs by {worst:.3g}")
    if build is tiny and worst > 2.5e-6:
        return False
    with open(os.path.join(HERE, f"keras_step_{name}.json"), "w") as file:
        json.dump(fixture, file)
        file.write("\n")
    return True


if __name__ == "__main__":
    for name, build, shape, classes, batch, steps, near in (
            ("tiny", tiny, (7, 6, 2), 3, 3, 10, {"dense": 2e-4, "conv": 2e-4}),
            ("batch", reference, (28, 28, 1), 10, 32, 1, {"dense": 1e-4, "conv": 2e-7}),
            ("reference", reference, (28, 28, 1), 10, 8, 10, {"dense": 2e-5, "conv": 2e-7})):
        assert any(make(name, build, shape, classes, seed, batch, steps, near) for seed in range(1, 1000)), \
            f"{name}: every seed is near a tie"
