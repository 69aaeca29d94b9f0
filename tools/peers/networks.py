"""The networks of data/networks/*.json (Keras's configuration of a Sequential model) in each of the peers.

Only what those files use is understood: Conv2D, MaxPooling2D, AveragePooling2D, Flatten, Dense, Dropout.
"""
import json

import numpy as np


class Layer:
    """A layer's class and configuration, with Keras's defaults, and the shapes (height, width, channels) around it."""

    def __init__(self, kind, config, shape):
        self.kind, self.config, self.input = kind, config, shape
        self.window = config.get("kernel_size") or config.get("pool_size")
        self.strides = config.get("strides") or (self.window if "pool_size" in config else [1, 1])
        self.same = config.get("padding") == "same"
        self.activation = config.get("activation", "linear")
        self.output = self._output()

    def _output(self):
        if self.kind == "Flatten":
            return (int(np.prod(self.input)),)
        if self.kind == "Dense":
            return (self.config["units"],)
        if self.kind == "Dropout":
            return self.input
        cells = [(n + s - 1) // s if self.same else (n - k) // s + 1
                 for n, k, s in zip(self.input, self.window, self.strides)]
        return (*cells, self.config.get("filters", self.input[2]))

    def padding(self):
        """Cells added on each side of each axis. Where Keras adds one more after than before, the larger number on both
        sides gives an output of the same size, by the same work."""
        if not self.same:
            return [0, 0]
        total = [max((o - 1) * s + k - n, 0)
                 for n, o, k, s in zip(self.input, self.output, self.window, self.strides)]
        return [(t + 1) // 2 for t in total]


def read(path):
    """The input's shape and the list of layers."""
    with open(path, encoding="utf-8") as file:
        entries = json.load(file)["config"]["layers"]
    shape = tuple(entries[0]["config"]["batch_shape"][1:])
    layers = []
    for entry in entries[1:]:
        layers.append(Layer(entry["class_name"], entry["config"], layers[-1].output if layers else shape))
    return shape, layers


def keras_model(path):
    import keras

    shape, layers = read(path)
    model = keras.Sequential([keras.Input(shape)])
    for layer in layers:
        model.add(getattr(keras.layers, layer.kind)(**layer.config))
    return model


def torch_model(path):
    """Logits from NCHW images; the loss has the softmax."""
    from torch import nn

    _, layers = read(path)
    modules = []
    for layer in layers:
        if layer.kind == "Conv2D":
            modules.append(nn.Conv2d(layer.input[2], layer.output[2], layer.window, layer.strides, layer.padding()))
        elif layer.kind == "MaxPooling2D":
            modules.append(nn.MaxPool2d(layer.window, layer.strides))
        elif layer.kind == "AveragePooling2D":
            modules.append(nn.AvgPool2d(layer.window, layer.strides))
        elif layer.kind == "Flatten":
            modules.append(nn.Flatten())
        elif layer.kind == "Dense":
            modules.append(nn.Linear(layer.input[0], layer.output[0]))
        elif layer.kind == "Dropout":
            modules.append(nn.Dropout(layer.config["rate"]))
        if layer.activation == "relu":
            modules.append(nn.ReLU())
    return nn.Sequential(*modules)


def onnx_model(path):
    """Probabilities from NCHW images named "x", as the bytes of an ONNX file with random weights."""
    from onnx import TensorProto, helper, numpy_helper

    shape, layers = read(path)
    random = np.random.default_rng(1)
    nodes, weights, value = [], [], "x"

    def weight(name, *extents):
        values = random.normal(0, 1 / np.sqrt(np.prod(extents[1:] or extents)), extents).astype(np.float32)
        weights.append(numpy_helper.from_array(values, name))
        return name

    def node(kind, inputs, **attributes):
        nonlocal value
        name = f"{kind}_{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        value = name

    for i, layer in enumerate(layers):
        if layer.kind == "Conv2D":
            filters = weight(f"w{i}", layer.output[2], layer.input[2], *layer.window)
            node("Conv", [value, filters, weight(f"b{i}", layer.output[2])], kernel_shape=layer.window,
                 strides=layer.strides, auto_pad="SAME_UPPER" if layer.same else "VALID")
        elif layer.kind in ("MaxPooling2D", "AveragePooling2D"):
            node(layer.kind.replace("ing2D", ""), [value], kernel_shape=layer.window,
                 strides=layer.strides)
        elif layer.kind == "Flatten":
            node("Flatten", [value])
        elif layer.kind == "Dense":
            node("Gemm", [value, weight(f"w{i}", layer.output[0], layer.input[0]), weight(f"b{i}", layer.output[0])],
                 transB=1)
        if layer.activation == "relu":
            node("Relu", [value])
        elif layer.activation == "softmax":
            node("Softmax", [value], axis=1)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", shape[2], shape[0], shape[1]])]
    outputs = [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["batch", layers[-1].output[0]])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
