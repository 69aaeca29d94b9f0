/* Files in and out. Files are read as if hostile, and written whole or not at all (a temporary file, then a rename). */
#ifndef TESSERA_IO_H
#define TESSERA_IO_H

#include "tessera/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* IDX (the MNIST family's format), plain or gzipped: unsigned bytes of 1 to 4 dimensions, at most 4 GiB of them. A file
 * that is truncated, of another type, or longer than its header says gives TSR_FORMAT. */
typedef struct tsr_idx {
    int rank;
    int32_t extent[4];
    uint8_t *data; /* freed with tsr_idx_clear */
} tsr_idx;
TSR_API tsr_status tsr_idx_read(const char *path, tsr_idx *idx);
TSR_API void tsr_idx_clear(tsr_idx *idx);

/* A data set of four IDX files, {train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]. */
typedef struct tsr_dataset {
    tsr_idx train_images, train_labels, test_images, test_labels;
    int32_t classes; /* the largest label of either part, and 1 */
    char directory[1024];
} tsr_dataset;
/* Reads it from `directory`; NULL stands for the environment variable TESSERA_DATA, and where that is unset or empty
 * for the first that has Fashion-MNIST of $XDG_DATA_HOME/tessera/fashion-mnist (where XDG_DATA_HOME is unset:
 * ~/.local/share) and Debian's /usr/share/datasets/fashion-mnist. A part whose counts of images and labels differ gives
 * TSR_FORMAT, a missing file TSR_NOT_FOUND. */
TSR_API tsr_status tsr_dataset_read(const char *directory, tsr_dataset *dataset);
TSR_API void tsr_dataset_clear(tsr_dataset *dataset);
/* The training or the test part as samples; it points into the data set. */
TSR_API tsr_data tsr_dataset_training(const tsr_dataset *dataset);
TSR_API tsr_data tsr_dataset_test(const tsr_dataset *dataset);
/* Fashion-MNIST's class names, "T-shirt/top" to "Ankle boot". */
TSR_API extern const char *const tsr_fashion_mnist_classes[10];

/* scikit-learn's train_test_split(test_size, random_state=seed) over n samples, bit for bit: *train and *test are
 * arrays of indices, freed with free(). 0 < test_fraction < 1 (the test part has ceil(test_fraction * n) samples). */
TSR_API tsr_status tsr_train_test_split(int64_t n, double test_fraction, uint32_t seed, int32_t **train,
                                        int64_t *train_count, int32_t **test, int64_t *test_count);

/* A PNG as 8-bit grey (1 channel) or RGB (3): alpha is dropped, palettes are resolved, 16 bits become 8; values are
 * taken as stored, whatever the gamma. At most 16384 pixels a side and 2^26 in all. */
typedef struct tsr_image {
    int32_t height, width, channels;
    uint8_t *data; /* freed with free() */
} tsr_image;
TSR_API tsr_status tsr_png_read(const char *path, tsr_image *image);

/* NumPy arrays: uint8 or float32 (little-endian, C order), up to 4 dimensions, files of at most 4 GiB. */
typedef struct tsr_npy {
    int rank;
    int64_t extent[4];
    bool real;  /* float32 rather than uint8 */
    void *data; /* freed with free() */
} tsr_npy;
TSR_API tsr_status tsr_npy_read(const char *path, tsr_npy *array);
TSR_API tsr_status tsr_npy_write(const char *path, int rank, const int64_t *extent, const float *data);

/* epoch,seconds,loss,accuracy,val_loss,val_accuracy; the last two are empty without validation. */
TSR_API tsr_status tsr_history_write_csv(const tsr_history *history, const char *path);

/* Keras's whole-model HDF5 files. Saving writes what Keras 2.15 and 3 both load; keras2 also writes the optimizer's
 * state in the form that Keras 2.15 takes. Loading takes files of either, checks every shape against the configuration
 * before any memory is taken, and follows no link; a layer, option or activation that is not supported is refused by
 * name (TSR_UNSUPPORTED). A tensor may have 2^30 elements. The model is the caller's, not compiled, with its weights
 * set. */
typedef struct tsr_save_options {
    bool keras2;
} tsr_save_options;
TSR_API tsr_status tsr_model_save(tsr_model *model, const char *path, const tsr_save_options *options);
TSR_API tsr_status tsr_model_load(const char *path, tsr_model **model);

/* The network alone, as Keras's model.to_json(): read from a text or a file. Weights are fresh. */
TSR_API tsr_status tsr_model_from_json(const char *text, tsr_model **model);
TSR_API tsr_status tsr_model_to_json(const tsr_model *model, char **text);
/* A model from a .h5 (with weights) or .json (without) file, by its contents. *has_weights may be NULL. */
TSR_API tsr_status tsr_model_open(const char *path, tsr_model **model, bool *has_weights);

/* ModelCheckpoint(path, monitor="val_loss", save_best_only=True): writes the model whenever val_loss (loss without
 * validation) improves. Freed after fit with tsr_checkpoint_free. */
typedef struct tsr_checkpoint tsr_checkpoint;
TSR_API tsr_status tsr_checkpoint_create(const char *path, const tsr_save_options *options,
                                         tsr_checkpoint **checkpoint);
TSR_API tsr_callback tsr_checkpoint_callback(tsr_checkpoint *checkpoint);
TSR_API void tsr_checkpoint_free(tsr_checkpoint *checkpoint);

/* The network as a picture, as Keras's plot_model: layer names, classes and, with show_shapes, input and output shapes.
 * The format is that of the path's ending, .png or .svg, made by Graphviz's dot (or .dot: its input). TSR_NOT_FOUND
 * with what to install when dot is missing. dpi 0: 96. */
TSR_API tsr_status tsr_model_plot(const tsr_model *model, const char *path, bool show_shapes, int32_t dpi);

#ifdef __cplusplus
}
#endif
#endif
