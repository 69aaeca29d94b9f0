/* What the files of tessera bench share: settings, what is worked on, what was measured. */
#ifndef TESSERA_TOOLS_BENCH_H
#define TESSERA_TOOLS_BENCH_H

#include "work_images.h"

enum { BENCH_ROUNDS = 5 /* of each measurement, after one to warm up; the median counts */, BENCH_PREDICTIONS = 4 };

typedef struct bench_settings {
    const char *model, *data, *device;
    int64_t batch_size;
    int64_t steps;  /* of training in a round; 0: as many as take about half a second */
    int64_t images; /* predicted in a round; 0: as many as take about half a second */
    int64_t shapes; /* of the sweep */
    int gemm;
    bool sweep, products, json;
} bench_settings;

enum { BENCH_IMAGES = 10000 /* made up where there is no data set */ };

typedef struct bench_prediction {
    int32_t batch_size; /* 0: left to the library */
    int64_t images;     /* in a round */
    double seconds;     /* of a round, images moved to the device and predictions back included */
} bench_prediction;

/* One round: the peak, training steps, and as many of them on a device that measures each kernel, one after another, so
 * that what else happens on the machine meets all of them. */
typedef struct bench_round {
    tsr_peak peak;
    double step;          /* seconds of a training step */
    double profiled_step; /* seconds of a step while kernels are measured */
    double inside;        /* seconds of such a step that kernels take */
} bench_round;

/* What was measured. */
typedef struct bench_results {
    double ready;  /* seconds from the model to the end of its first step */
    int64_t steps; /* in a round */
    bench_round rounds[BENCH_ROUNDS];
    tsr_profile_row *parts; /* of the profiled steps of all rounds */
    size_t part_count;

    bench_prediction predictions[BENCH_PREDICTIONS]; /* the last one with the batch size left to the library */
    double answer;                                   /* seconds from one image in host memory to its prediction */
} bench_results;

/* Trains and predicts. The results are cleared with bench_results_clear, also after a failure. */
tsr_status bench_measure(const bench_settings *settings, const work_images *workload, tsr_model *model,
                         tsr_device *device, bench_results *results);
void bench_results_clear(bench_results *results);

void bench_print(const bench_settings *settings, const work_images *workload, const bench_results *results);
/* NULL after a failure. */
json_t *bench_json(const bench_settings *settings, const work_images *workload, const bench_results *results,
                   const tsr_device *device);

/* Runs the first `shapes` convolutions of many shapes and prints their speeds; returns an exit code. */
int bench_sweep(const command *self, const bench_settings *settings);

/* Times matrix products by native kernels and CLBlast and prints their speeds; returns an exit code. */
int bench_products(const command *self, const bench_settings *settings);

enum { BENCH_SHAPES = 51 };

/* The median of `count` values, which are sorted. */
double bench_median(double *values, size_t count);

#endif
