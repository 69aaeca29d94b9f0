/* Primitive, value, graph: the plain data that a network is lowered to. Implementations match on it; the algorithms
 * over whole graphs are in host/plan/. */
#ifndef TSR_OPS_GRAPH_H
#define TSR_OPS_GRAPH_H

#include "base/status.h"
#include "tessera/ops.h"

#define TSR_MAX_INPUTS  8
#define TSR_MAX_OUTPUTS 3
#define TSR_MAX_RANK    4
#define TSR_NONE        (-1) /* no value, no primitive */

typedef enum tsr_dtype { TSR_F32, TSR_I32, TSR_U8, TSR_U16 } tsr_dtype;
size_t tsr_dtype_size(tsr_dtype dtype);

/* Where a value's storage comes from. */
typedef enum tsr_role {
    TSR_ROLE_TEMPORARY, /* the plan's arena */
    TSR_ROLE_INPUT,     /* bound by the caller: data set, order, clock, counts; a primitive may replace it in place */
    TSR_ROLE_PARAMETER, /* the flat buffer of weights */
    TSR_ROLE_GRADIENT,  /* a gradient of a parameter: the flat buffer of gradients, may be a stack of partial sums */
    TSR_ROLE_STATE      /* the optimizer's flat buffers, one for each of its moments */
} tsr_role;

typedef struct tsr_value {
    char name[96]; /* a layer's and some words: never cut */
    tsr_dtype dtype;
    int rank;
    int32_t extent[TSR_MAX_RANK]; /* dense extents, outermost first */
    tsr_role role;
    int maker;    /* primitive, or TSR_NONE */
    int replaces; /* the value whose storage this one takes over (the new weights those of the old), or TSR_NONE */
    int slot;     /* PARAMETER, GRADIENT, STATE: number of the parameter in the model; otherwise 0 */
    int moment;   /* STATE: which of the optimizer's moments */
} tsr_value;

/* Elements of a value. */
size_t tsr_value_count(const tsr_value *value);
/* Bytes of a value when dense. */
size_t tsr_value_bytes(const tsr_value *value);

/* Every kind of primitive: X(name, stem). Operands in order (in square brackets: only where the descriptor has them):
 *   advance                 clock, counts -> clock'
 *       clock is i32[4]: step, position, next, 0. Unless counts' stop mark is set:
 *       step += 1, position = next, next += batch. A batch takes order[position .. position + batch).
 *   gather                  source, order, clock -> y
 *       y[i] = source[order[position + i]] * scale; u8 or f32 samples to f32, i32 labels to i32 (scale 1)
 *   conv2d                  x, w, [b] -> y
 *   conv2d_grad_data        dy, w -> dx
 *   conv2d_grad_weights     dy, x -> dw, [db]
 *   pool2d                  x -> y, [winner]            winner with max pooling only
 *   pool2d_grad             dy, [winner] -> dx
 *   activation              x -> y
 *   activation_grad         dy, y or x -> dx             which of them: tsr_activation_gradient_from_output
 *   dense                   x, w, [b] -> y               x is taken as (rows, inputs), whatever its extents
 *   dense_grad_data         dy, w -> dx
 *   dense_grad_weights      dy, x -> dw, [db]
 *   dropout                 x, clock -> y
 *       y[e] = u(e) >= rate ? x[e] / (1 - rate) : 0, u(e) uniform in [0,1) from Philox4x32-10: key = seed (low, high),
 *       counter = (e / 4, step, stream, 0), word e % 4, u = (word >> 8) * 2^-24
 *   dropout_grad            dy, clock -> dx               the same mask
 *   softmax_cross_entropy   logits, labels -> losses, hits
 *       losses[m] = log(sum of e^(z - max)) - (z[label] - max); hits[m] (i32) = 1 if label is the first largest, else 0
 *   softmax_cross_entropy_grad   logits, labels -> dlogits      (softmax - onehot) / rows
 *   accumulate              losses, hits, loss_sum, counts, clock -> loss_sum', counts'
 *       loss_sum is f32[2]: sum and its Kahan compensation; counts is i32[4]: hits, samples, stop mark, step at which
 * it was set. If the mark is set nothing changes; if a loss is not finite the mark is set and nothing else changes.
 *   update                  w, dw, learning_rate, clock, counts, [m, [v]] -> w', [m', [v']]
 *       adam with two moments, sgd with momentum one, plain sgd none; nothing changes while the stop mark is set
 *   sum_partials            a stack of partial sums -> their sum, added in order */
#define TSR_PRIMITIVE_LIST(X)                                                                                          \
    X(ADVANCE, advance)                                                                                                \
    X(GATHER, gather)                                                                                                  \
    X(CONV2D, conv2d)                                                                                                  \
    X(CONV2D_GRAD_DATA, conv2d_grad_data)                                                                              \
    X(CONV2D_GRAD_WEIGHTS, conv2d_grad_weights)                                                                        \
    X(POOL2D, pool2d)                                                                                                  \
    X(POOL2D_GRAD, pool2d_grad)                                                                                        \
    X(ACTIVATION, activation)                                                                                          \
    X(ACTIVATION_GRAD, activation_grad)                                                                                \
    X(DENSE, dense)                                                                                                    \
    X(DENSE_GRAD_DATA, dense_grad_data)                                                                                \
    X(DENSE_GRAD_WEIGHTS, dense_grad_weights)                                                                          \
    X(DROPOUT, dropout)                                                                                                \
    X(DROPOUT_GRAD, dropout_grad)                                                                                      \
    X(SOFTMAX_CROSS_ENTROPY, softmax_cross_entropy)                                                                    \
    X(SOFTMAX_CROSS_ENTROPY_GRAD, softmax_cross_entropy_grad)                                                          \
    X(ACCUMULATE, accumulate)                                                                                          \
    X(UPDATE, update)                                                                                                  \
    X(SUM_PARTIALS, sum_partials)

typedef enum tsr_kind {
#define TSR_KIND_ENUM(name, stem) TSR_KIND_##name,
    TSR_PRIMITIVE_LIST(TSR_KIND_ENUM)
#undef TSR_KIND_ENUM
        TSR_KIND_COUNT
} tsr_kind;

typedef struct tsr_gather_descriptor {
    int32_t batch;
    int32_t sample; /* elements of one sample */
    tsr_dtype source;
    float scale;
} tsr_gather_descriptor;

typedef struct tsr_dropout_descriptor {
    int32_t count; /* elements of a batch */
    float rate;    /* 0 <= rate < 1 */
    uint64_t seed;
    uint32_t stream; /* a number of its own for each dropout layer */
} tsr_dropout_descriptor;

typedef struct tsr_loss_descriptor {
    int32_t rows, classes;
} tsr_loss_descriptor;

typedef enum tsr_optimizer_kind { TSR_OPTIMIZER_ADAM, TSR_OPTIMIZER_SGD } tsr_optimizer_kind;

/* adam, t = clock's step: alpha = lr sqrt(1 - beta_2^t) / (1 - beta_1^t); m += (g - m)(1 - beta_1);
 * v += (g^2 - v)(1 - beta_2); w -= m alpha / (sqrt(v) + epsilon).
 * sgd: w -= lr g; with momentum: m = momentum m - lr g; w += m. */
typedef struct tsr_update_descriptor {
    tsr_optimizer_kind optimizer;
    int32_t count; /* elements of w */
    float beta_1, beta_2, epsilon, momentum;
} tsr_update_descriptor;

/* The input's first extent is the number of partial sums, each of `count` elements. */
typedef struct tsr_partials_descriptor {
    int32_t partials, count;
} tsr_partials_descriptor;

typedef struct tsr_primitive {
    tsr_kind kind;
    int layer; /* number of the layer it was lowered from, or TSR_NONE: for messages */
    int input_count, output_count;
    int inputs[TSR_MAX_INPUTS], outputs[TSR_MAX_OUTPUTS];
    union {
        tsr_gather_descriptor gather;
        tsr_conv2d_descriptor conv2d;         /* and its gradients */
        tsr_pool2d_descriptor pool2d;         /* and its gradient */
        tsr_activation_descriptor activation; /* and its gradient */
        tsr_dense_descriptor dense;           /* and its gradients */
        tsr_dropout_descriptor dropout;       /* and its gradient */
        tsr_loss_descriptor loss;             /* softmax_cross_entropy, its gradient, accumulate (rows) */
        tsr_update_descriptor update;
        tsr_partials_descriptor partials; /* sum_partials */
        int32_t batch;                    /* advance */
    } as;
} tsr_primitive;

typedef struct tsr_graph {
    tsr_primitive *primitives;
    size_t primitive_count, primitive_capacity;
    tsr_value *values;
    size_t value_count, value_capacity;
} tsr_graph;

/* A zeroed tsr_graph is an empty one; this frees what it holds. */
void tsr_graph_clear(tsr_graph *graph);

/* Adds a value made by nobody yet; returns its number, or TSR_NONE when memory is short. */
int tsr_graph_value(tsr_graph *graph, const char *name, tsr_role role, tsr_dtype dtype, int rank,
                    const int32_t *extent);

/* Adds a primitive whose input and output values are there already, and makes it their maker; returns its number, or
 * TSR_NONE when memory is short. */
int tsr_graph_primitive(tsr_graph *graph, const tsr_primitive *primitive);

/* The primitive that makes `value`, or TSR_NONE. */
int tsr_graph_maker(const tsr_graph *graph, int value);

/* The next primitive at or after `from` that reads `value`, or TSR_NONE. */
int tsr_graph_reader(const tsr_graph *graph, int value, int from);

/* How many primitives read it. */
int tsr_graph_reader_count(const tsr_graph *graph, int value);

/* Whether a primitive reads the value. */
bool tsr_primitive_reads(const tsr_primitive *primitive, int value);

/* The kind's stem, such as "conv2d_grad_data". */
const char *tsr_kind_name(tsr_kind kind);

/* Whether an activation's gradient is computed from its output (true) or needs its input: as its row in the list says,
 * except that elu and leaky relu with a negative alpha need the input. */
bool tsr_activation_gradient_from_output(const tsr_activation_descriptor *activation);
/* Whether it is monotone, so that it may move behind a max pool: elu and leaky relu only unless alpha is negative. */
bool tsr_activation_monotone(const tsr_activation_descriptor *activation);

#endif
