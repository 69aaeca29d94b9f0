/* Networks in Keras's vocabulary: layers, training, evaluation, prediction.
 *
 *     tsr_model *model;
 *     tsr_model_create("sequential", &model);
 *     tsr_model_add_input(model, &(tsr_input_config){.height = 28, .width = 28, .channels = 1});
 *     tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 32, .kernel_size = {3, 3},
 *                                                      .padding = TSR_PADDING_SAME, .activation = TSR_RELU});
 *     tsr_model_add_max_pooling2d(model, &(tsr_pooling2d_config){.pool_size = {2, 2}});
 *     tsr_model_add_flatten(model, NULL);
 *     tsr_model_add_dense(model, &(tsr_dense_config){.units = 10, .activation = TSR_SOFTMAX});
 *     tsr_model_compile(model, device, &(tsr_compile_options){.seed = 42});
 *     tsr_model_fit(model, &images, &(tsr_fit_options){.epochs = 5, .validation = &held_out}, &history);
 *     tsr_model_free(model);
 *
 * A model is used by one thread at a time. Every function that can fail returns a status, and tsr_last_error() has the
 * sentence. A field left zero stands for Keras's default. */
#ifndef TESSERA_MODEL_H
#define TESSERA_MODEL_H

#include "tessera/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tsr_model tsr_model;

/* An empty sequential model; `name` may be NULL ("sequential"). Freed with tsr_model_free. */
TSR_API tsr_status tsr_model_create(const char *name, tsr_model **model);
TSR_API void tsr_model_free(tsr_model *model);

/* Layers. `name` NULL: Keras's automatic name (conv2d, conv2d_1, ...). Each function checks the configuration and the
 * shape that reaches the layer, and refuses what does not fit in one sentence that names the layer. The first layer
 * must be the input. The configuration is copied. */
typedef struct tsr_input_config {
    const char *name;
    int32_t height, width, channels;
} tsr_input_config;

/* How weights start: Keras's initializers. fan_in and fan_out are the inputs and outputs of a unit (of a convolution
 * times the taps of its kernel), fan_avg their mean. A normal distribution that is truncated stays within two of its
 * standard deviations.
 *   GLOROT_UNIFORM  +- sqrt(3 / fan_avg)          GLOROT_NORMAL  truncated, variance 1 / fan_avg
 *   HE_UNIFORM      +- sqrt(6 / fan_in)           HE_NORMAL      truncated, variance 2 / fan_in
 *   LECUN_UNIFORM   +- sqrt(3 / fan_in)           LECUN_NORMAL   truncated, variance 1 / fan_in
 *   VARIANCE_SCALING  of the distribution, with variance scale / fan
 *   RANDOM_UNIFORM in [minval, maxval), RANDOM_NORMAL and TRUNCATED_NORMAL of mean and stddev (before it is cut)
 *   ZEROS, ONES, CONSTANT (value)
 * DEFAULT is GLOROT_UNIFORM for kernels, ZEROS for biases. */
typedef enum tsr_initializer_kind {
    TSR_INITIALIZER_DEFAULT,
    TSR_INITIALIZER_GLOROT_UNIFORM,
    TSR_INITIALIZER_GLOROT_NORMAL,
    TSR_INITIALIZER_HE_UNIFORM,
    TSR_INITIALIZER_HE_NORMAL,
    TSR_INITIALIZER_LECUN_UNIFORM,
    TSR_INITIALIZER_LECUN_NORMAL,
    TSR_INITIALIZER_VARIANCE_SCALING,
    TSR_INITIALIZER_RANDOM_UNIFORM,
    TSR_INITIALIZER_RANDOM_NORMAL,
    TSR_INITIALIZER_TRUNCATED_NORMAL,
    TSR_INITIALIZER_ZEROS,
    TSR_INITIALIZER_ONES,
    TSR_INITIALIZER_CONSTANT
} tsr_initializer_kind;

typedef enum tsr_fan_mode { TSR_FAN_IN, TSR_FAN_OUT, TSR_FAN_AVERAGE } tsr_fan_mode;
typedef enum tsr_distribution { TSR_TRUNCATED_NORMAL, TSR_UNTRUNCATED_NORMAL, TSR_UNIFORM } tsr_distribution;

typedef struct tsr_initializer {
    tsr_initializer_kind kind;
    float scale; /* VARIANCE_SCALING; 0: 1 */
    tsr_fan_mode mode;
    tsr_distribution distribution;
    float mean, stddev;   /* RANDOM_NORMAL, TRUNCATED_NORMAL; stddev 0: 0.05 */
    float minval, maxval; /* RANDOM_UNIFORM; both 0: -0.05 and 0.05 */
    float value;          /* CONSTANT */
} tsr_initializer;

typedef struct tsr_conv2d_config {
    const char *name;
    int32_t filters;
    int32_t kernel_size[2]; /* height, width */
    int32_t strides[2];     /* {0, 0}: {1, 1} */
    tsr_padding padding;
    tsr_activation activation;
    bool no_bias; /* Keras: use_bias=False */
    tsr_initializer kernel_initializer, bias_initializer;
} tsr_conv2d_config;

typedef struct tsr_pooling2d_config {
    const char *name;
    int32_t pool_size[2]; /* {0, 0}: {2, 2} */
    int32_t strides[2];   /* {0, 0}: the pool size */
    tsr_padding padding;
} tsr_pooling2d_config;

typedef struct tsr_flatten_config {
    const char *name;
} tsr_flatten_config;

typedef struct tsr_dense_config {
    const char *name;
    int32_t units;
    tsr_activation activation;
    bool no_bias;
    tsr_initializer kernel_initializer, bias_initializer;
} tsr_dense_config;

typedef struct tsr_activation_config {
    const char *name;
    tsr_activation activation;
} tsr_activation_config;

typedef struct tsr_dropout_config {
    const char *name;
    float rate; /* 0 <= rate < 1 */
} tsr_dropout_config;

TSR_API tsr_status tsr_model_add_input(tsr_model *model, const tsr_input_config *config);
TSR_API tsr_status tsr_model_add_conv2d(tsr_model *model, const tsr_conv2d_config *config);
TSR_API tsr_status tsr_model_add_max_pooling2d(tsr_model *model, const tsr_pooling2d_config *config);
TSR_API tsr_status tsr_model_add_average_pooling2d(tsr_model *model, const tsr_pooling2d_config *config);
TSR_API tsr_status tsr_model_add_flatten(tsr_model *model, const tsr_flatten_config *config);
TSR_API tsr_status tsr_model_add_dense(tsr_model *model, const tsr_dense_config *config);
TSR_API tsr_status tsr_model_add_activation(tsr_model *model, const tsr_activation_config *config);
TSR_API tsr_status tsr_model_add_dropout(tsr_model *model, const tsr_dropout_config *config);

/* The network of the reference run for images of this size: Conv2D(32, 3, relu, same), MaxPooling2D(2), Conv2D(64, 3,
 * relu, same), MaxPooling2D(2), Flatten, Dense(100, relu), Dropout(0.4), Dense(classes, softmax). */
TSR_API tsr_status tsr_model_create_reference(int32_t height, int32_t width, int32_t channels, int32_t classes,
                                              tsr_model **model);

/* What a layer is, for people: name, Keras class, output shape without the batch, parameters. */
typedef struct tsr_layer_info {
    const char *name, *class_name; /* the model's; valid while it lives */
    int rank;                      /* of the output: 3 (height, width, channels) or 1 (units) */
    int32_t input[3], output[3];
    int input_rank;
    int64_t parameters;
} tsr_layer_info;
TSR_API const char *tsr_model_name(const tsr_model *model);
TSR_API int tsr_model_layer_count(const tsr_model *model); /* the input layer is number 0 */
TSR_API tsr_layer_info tsr_model_layer(const tsr_model *model, int number);
TSR_API int64_t tsr_model_parameters(const tsr_model *model);

/* The tensors of weights, in the order of Keras's model.weights: name ("conv2d/kernel"), shape, and their values. */
typedef struct tsr_weight_info {
    char name[96];
    int layer;
    int rank;
    int32_t extent[4];
    size_t count;
} tsr_weight_info;
TSR_API int tsr_model_weight_count(const tsr_model *model);
TSR_API tsr_weight_info tsr_model_weight(const tsr_model *model, int number);
TSR_API tsr_status tsr_model_get_weight(tsr_model *model, int number, float *values);
TSR_API tsr_status tsr_model_set_weight(tsr_model *model, int number, const float *values);

/* How it is trained. */
typedef struct tsr_compile_options {
    bool sgd;                      /* false: Adam */
    float learning_rate;           /* 0: Keras's default, 0.001 for Adam and 0.01 for SGD */
    float momentum;                /* SGD */
    float beta_1, beta_2, epsilon; /* Adam; 0: 0.9, 0.999, 1e-7 */
    uint64_t seed;                 /* weights, order of the samples, dropout */
    tsr_gemm gemm;
    bool no_fusion;
    uint32_t vector_width; /* 0: the device's; for tests */
} tsr_compile_options;

/* Chooses the device and the training's options (NULL: defaults). Weights that were loaded or set are kept, others are
 * initialised from the seed. The device must outlive the model. */
TSR_API tsr_status tsr_model_compile(tsr_model *model, tsr_device *device, const tsr_compile_options *options);
TSR_API tsr_device *tsr_model_device(const tsr_model *model);
/* Changes the learning rate, also between batches. */
TSR_API tsr_status tsr_model_set_learning_rate(tsr_model *model, float learning_rate);
TSR_API float tsr_model_learning_rate(const tsr_model *model);
/* Fresh weights and optimizer state from the seed. */
TSR_API tsr_status tsr_model_reinitialize(tsr_model *model);
/* The options it was compiled with, defaults filled in. */
TSR_API tsr_compile_options tsr_model_compile_options(const tsr_model *model);

/* Samples in memory. */
typedef struct tsr_data {
    const void *images;  /* count images, row by row; read only */
    bool real;           /* false: bytes, scaled by 1/255; true: floats, taken as they are */
    bool channels_first; /* (channels, height, width) rather than (height, width, channels) */
    int64_t count;
    int32_t height, width, channels;
    const uint8_t *labels; /* count labels; NULL for prediction */
    const int32_t *index; /* NULL, or the samples to use: `index_count` numbers of images (as train_test_split gives) */
    int64_t index_count;
} tsr_data;

/* Loss (mean over samples) and accuracy (a fraction). */
typedef struct tsr_metrics {
    double loss, accuracy;
    int64_t samples;
} tsr_metrics;

/* One epoch. */
typedef struct tsr_epoch {
    int32_t epoch; /* from 1 */
    double seconds;
    tsr_metrics training, validation;
    bool validated;
} tsr_epoch;

typedef struct tsr_history {
    int32_t count, capacity;
    tsr_epoch *epochs;
    int32_t best_epoch; /* with early stopping: whose weights the model has; otherwise 0 */
    bool stopped_early;
} tsr_history;
TSR_API void tsr_history_clear(tsr_history *history);

/* What happens during fit; every function may be NULL. A status other than TSR_OK ends the training with that status.
 * Callbacks are called in their order, and may use the model (read and set weights, save, evaluate) but not compile it.
 */
typedef struct tsr_callback {
    void *context;
    tsr_status (*on_train_begin)(void *context, tsr_model *model);
    tsr_status (*on_epoch_begin)(void *context, tsr_model *model, int32_t epoch);
    /* Now and then within an epoch, about ten times a second: how far it is, and the running means so far. */
    tsr_status (*on_progress)(void *context, tsr_model *model, int32_t batches_done, int32_t batches,
                              const tsr_metrics *running, double seconds);
    /* *stop = true ends the training after this epoch. */
    tsr_status (*on_epoch_end)(void *context, tsr_model *model, const tsr_epoch *epoch, bool *stop);
    /* After the last epoch, also of a training that was stopped; not after a failure or an interruption. */
    tsr_status (*on_train_end)(void *context, tsr_model *model, tsr_history *history);
} tsr_callback;

/* EarlyStopping(monitor="val_loss", patience, restore_best_weights=True): stops when val_loss (loss without validation)
 * has not improved for `patience` epochs, and at the end restores the best weights. Freed after fit with
 * tsr_early_stopping_free. */
typedef struct tsr_early_stopping tsr_early_stopping;
TSR_API tsr_status tsr_early_stopping_create(int32_t patience, tsr_early_stopping **early_stopping);
TSR_API tsr_callback tsr_early_stopping_callback(tsr_early_stopping *early_stopping);
TSR_API void tsr_early_stopping_free(tsr_early_stopping *early_stopping);

typedef struct tsr_fit_options {
    int32_t epochs;     /* 0: 1 */
    int32_t batch_size; /* 0: 32, or all samples where there are fewer */
    bool no_shuffle;
    const tsr_data *validation; /* NULL: none */
    const tsr_callback *callbacks;
    int32_t callback_count;
    const volatile int *interrupted; /* becomes non-zero to stop after the step in progress (SIGINT); NULL: never */
} tsr_fit_options;

/* Trains. *history (may be NULL; zeroed before its first use) is cleared and gets a row an epoch, also when the
 * training ends early or fails; clear it with tsr_history_clear. The optimizer's state and the count of steps go on
 * from one fit to the next. The samples are shuffled anew in each epoch, from the seed and the epoch's number; the
 * last, smaller batch is used. A model that does not end in a softmax over its classes gives TSR_UNSUPPORTED. A loss
 * that is not finite gives TSR_NOT_FINITE and a sentence that names the epoch, the step and the first layer at fault;
 * the weights are those from before that step. TSR_INTERRUPTED after *interrupted. */
TSR_API tsr_status tsr_model_fit(tsr_model *model, const tsr_data *data, const tsr_fit_options *options,
                                 tsr_history *history);

/* Loss and accuracy over all samples. batch_size 0: chosen for the device; one larger than the set is the set. A loss
 * that is not finite gives TSR_NOT_FINITE. Calls with as many samples as the call before reuse its plans. */
TSR_API tsr_status tsr_model_evaluate(tsr_model *model, const tsr_data *data, int32_t batch_size, tsr_metrics *metrics);

/* The model's outputs, tsr_model_outputs floats a sample, one after another. batch_size as for tsr_model_evaluate. */
TSR_API tsr_status tsr_model_predict(tsr_model *model, const tsr_data *data, int32_t batch_size, float *outputs);
/* Floats of one sample's output. */
TSR_API int32_t tsr_model_outputs(const tsr_model *model);

/* Keras's model.summary() as text, freed with free(). */
TSR_API tsr_status tsr_model_summary(const tsr_model *model, char **text);

/* What becomes of the model on a device: primitives, spans, the implementation of each and why a longer span was not
 * taken, launches, buffers, FLOPs and bytes, as text or JSON, freed with free(). The model need not be compiled. */
TSR_API tsr_status tsr_model_explain(tsr_model *model, tsr_device *device, const tsr_explain_options *options,
                                     char **text);

#ifdef __cplusplus
}
#endif
#endif
