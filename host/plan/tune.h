/* Tuning a graph: the search (tune.c), the worker process as it is seen from outside (tune_process.c) and from inside
 * (tune_worker.c), what it measures (tune_compare.c) and checks (tune_check.c), on which data (tune_data.c). */
#ifndef TSR_PLAN_TUNE_H
#define TSR_PLAN_TUNE_H

#include "device/tuning.h"
#include "plan/plan.h"
#include "tessera/tune.h"

#include <sys/types.h>

/* What a worker is to do with the graph that follows an order. */
typedef enum tsr_tune_task {
    TSR_TASK_COMPARE, /* time the steps that the marked primitives belong to, with either tuning */
    TSR_TASK_CHECK    /* compare the steps in which the second tuning differs from the first with their twins */
} tsr_tune_task;

/* After it come the primitives, the values, the wanted values, a mark for each primitive, and two tunings as text, one
 * "KEY \t CHOICE \n" after another. Both ends are the same program, so everything goes as it lies in memory. */
typedef struct tsr_tune_order {
    uint32_t magic;
    tsr_tune_task task;
    tsr_gemm gemm;
    char device[264]; /* platform and name, so that both ends mean the same one */
    double seconds;   /* COMPARE: for the rounds; CHECK: that the twins may take */
    uint32_t limit;   /* seconds after which the worker ends itself, should nobody else */
    uint32_t primitive_count, value_count, wanted_count;
    uint32_t tuning_bytes[2];
} tsr_tune_order;

typedef struct tsr_tune_reply {
    uint32_t magic;
    tsr_status status;
    bool same;            /* COMPARE: both tunings lead to the same steps */
    bool right;           /* CHECK */
    double before, after; /* COMPARE: median seconds */
    double ratio, upper;  /* of after to before by rounds: median and upper quartile */
    char text[512];       /* the error's sentence, or what is wrong */
} tsr_tune_reply;

enum { TSR_TUNE_MAGIC = 0x7e55e7a1 };

/* An order with all that belongs to it. */
typedef struct tsr_tune_work {
    tsr_tune_order order;
    tsr_graph graph;
    int *wanted;
    bool *marked;
    tsr_tuning tunings[2];
} tsr_tune_work;

/* In the worker. */
tsr_status tsr_tune_compare(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply);
tsr_status tsr_tune_check(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply);
/* Data for a value that nobody makes, as its readers expect it. */
void tsr_tune_fill(const tsr_graph *graph, int value, double *data);
/* Reads or writes all of it; false at the end or after an error. */
bool tsr_tune_receive(int from, void *data, size_t bytes);
bool tsr_tune_send(int to, const void *data, size_t bytes);

/* A worker, started when it is needed. Zeroed except for `command` it is one that has not been started. */
typedef struct tsr_tune_process {
    const char *const *command;
    const volatile int *interrupted;
    pid_t child; /* 0: not running */
    int socket;
    tsr_status error; /* with TSR_OUTCOME_ERROR */
} tsr_tune_process;

typedef enum tsr_tune_outcome {
    TSR_OUTCOME_REPLY,       /* there is a reply */
    TSR_OUTCOME_FAILED,      /* the candidate crashed, or did not end: reply->text says so */
    TSR_OUTCOME_TIME_UP,     /* the deadline came first */
    TSR_OUTCOME_INTERRUPTED, /* by the user */
    TSR_OUTCOME_ERROR        /* no worker can be had: tsr_last_error says why */
} tsr_tune_outcome;

/* Gives the worker an order and waits for its reply, `limit` seconds at most and not beyond `deadline`. */
tsr_tune_outcome tsr_tune_ask(tsr_tune_process *process, const tsr_tune_work *work, double limit, double deadline,
                              tsr_tune_reply *reply);
void tsr_tune_stop(tsr_tune_process *process);

/* Tuning in progress. */
typedef struct tsr_tuner {
    tsr_device *device;
    const tsr_tune_options *options;
    const char *const *layer_names; /* by the number that primitives have */
    tsr_tune_process worker;
    tsr_tuning found;              /* choices of this time, those that are as without tuning included */
    tsr_tuning stored;             /* what the file held before: kept for what is not tuned now */
    double began, deadline, limit; /* limit: seconds for a candidate */
    bool time_up;
    tsr_tune_result result;
} tsr_tuner;

/* Finds the best choices for the spans of a graph, called `what` for people, and stores each as soon as it is found.
 * Returns TSR_OK with time_up set when the budget ends. */
tsr_status tsr_tune_graph(tsr_tuner *tuner, const char *what, const tsr_graph *graph, const int *wanted,
                          int wanted_count);

#endif
