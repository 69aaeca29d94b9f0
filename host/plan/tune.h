/* Tuning a graph: the search (tune.c), the worker process as it is seen from outside (tune_process.c) and from inside
 * (tune_worker.c), what it measures (tune_compare.c) and checks (tune_check.c). */
#ifndef TSR_PLAN_TUNE_H
#define TSR_PLAN_TUNE_H

#include "device/tuning.h"
#include "plan/plan.h"
#include "tessera/tune.h"

#include <sys/types.h>

/* What a worker is to do with the graph that follows an order. */
typedef enum tsr_tune_task {
    TSR_TASK_WARM,    /* run the graph once with the first tuning, so that its kernels are compiled */
    TSR_TASK_COMPARE, /* time the steps that the marked primitives belong to, with either tuning */
    TSR_TASK_CHECK,   /* compare the steps in which the second tuning differs from the first with their twins: where it
                       * brings parameters of CLBlast, all steps that use CLBlast */
    TSR_TASK_PRODUCTS /* time each matrix product, without fusion */
} tsr_tune_task;

/* After it come the primitives, the values, the wanted values, a mark for each primitive, and two tunings as text, one
 * "KEY \t CHOICE \n" after another. Both ends are the same program, so everything goes as it lies in memory. */
typedef struct tsr_tune_order {
    uint32_t magic;
    tsr_tune_task task;
    tsr_gemm gemm;
    char device[264]; /* platform and name, so that both ends mean the same one */
    double seconds;   /* COMPARE: for the rounds; CHECK: that the twins may take; PRODUCTS: for each */
    uint32_t limit;   /* seconds after which the worker ends itself, should nobody else */
    uint32_t primitive_count, value_count, wanted_count;
    uint32_t tuning_bytes[2];
} tsr_tune_order;

enum { TSR_TUNE_PRODUCTS = 64 };

/* Seconds that a device may take to open, and beyond its limit until a worker ends itself. */
enum { TSR_TUNE_OPENING = 60, TSR_TUNE_GRACE = 10 };

typedef struct tsr_tune_reply {
    uint32_t magic;
    tsr_status status;
    bool same;                  /* COMPARE: both tunings lead to the same steps */
    bool right, too_long;       /* CHECK; too_long: it is not known, since the twins would take longer than they may */
    double before, after;       /* COMPARE: median seconds; where the second is hopeless, of the best run of each */
    double lower, ratio, upper; /* of after to before by rounds: lower quartile, median, upper quartile */
    int product_count; /* PRODUCTS: how many there are, rows x columns x depth of each, and its median seconds */
    double work[TSR_TUNE_PRODUCTS], times[TSR_TUNE_PRODUCTS];
    char text[512]; /* the error's sentence, or what is wrong */
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
tsr_status tsr_tune_warm(tsr_device *device, const tsr_tune_work *work);
tsr_status tsr_tune_compare(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply);
tsr_status tsr_tune_check(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply);
tsr_status tsr_tune_time_products(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply);
/* Receives or sends all of it through a socket; false at its end or after an error, without a signal. */
bool tsr_tune_receive(int from, void *data, size_t bytes);
bool tsr_tune_send(int to, const void *data, size_t bytes);

/* A worker, started when it is needed, and anew where a second tuning brings other parameters of CLBlast than the one
 * that runs has taken: they last as long as the process. Zeroed except for `command` it is one that has not been
 * started. */
typedef struct tsr_tune_process {
    const char *const *command;
    const volatile int *interrupted;
    pid_t child; /* 0: not running */
    int socket;
    tsr_status error; /* with TSR_OUTCOME_ERROR */
    char *parameters; /* CLBlast's in the one that runs, as text */
} tsr_tune_process;

typedef enum tsr_tune_outcome {
    TSR_OUTCOME_REPLY,       /* there is a reply */
    TSR_OUTCOME_FAILED,      /* the candidate crashed, or did not end: reply->text says so */
    TSR_OUTCOME_TIME_UP,     /* the deadline came first */
    TSR_OUTCOME_INTERRUPTED, /* by the user */
    TSR_OUTCOME_ERROR        /* no worker can be had: tsr_last_error says why */
} tsr_tune_outcome;

/* Gives the worker an order and waits for its reply, `limit` seconds at most and not beyond `deadline`. One that must
 * be started first has TSR_TUNE_OPENING for that, if the deadline is not over when it begins. */
tsr_tune_outcome tsr_tune_ask(tsr_tune_process *process, const tsr_tune_work *work, double limit, double deadline,
                              tsr_tune_reply *reply);
void tsr_tune_stop(tsr_tune_process *process);

/* Tuning in progress. */
typedef struct tsr_tuner {
    tsr_device *device;
    const tsr_tune_options *options;
    const char *const *layer_names; /* by the number that primitives have */
    tsr_tune_process worker;
    tsr_tuning found;    /* choices of this time, those that are as without tuning included */
    tsr_tuning stored;   /* what the file held before: kept for what is not tuned now */
    tsr_tuning hopeless; /* "FIRST NAME": what has failed or was far slower in the place of another: not tried again */
    double began, deadline, limit; /* limit: seconds for a candidate */
    double whole_limit; /* seconds to check a candidate that has ended in time, and to compare whole graphs */
    bool time_up;
    tsr_tune_result result;
} tsr_tuner;

/* Checks the options, and begins; and ends, with what was stored read anew by later plans. */
tsr_status tsr_tuner_begin(tsr_tuner *tuner, tsr_device *device, const tsr_tune_options *options);
void tsr_tuner_end(tsr_tuner *tuner);

/* Finds the best choices for the spans of a graph, called `what` for people, and stores each as soon as it is found.
 * Returns TSR_OK with time_up set when the budget ends. */
tsr_status tsr_tune_graph(tsr_tuner *tuner, const char *what, const tsr_graph *graph, const int *wanted,
                          int wanted_count);

/* Finds CLBlast's best parameters for the matrix products of a graph, likewise. It comes before the graphs: choices
 * hold for the parameters that they were measured with. */
tsr_status tsr_tune_clblast(tsr_tuner *tuner, const tsr_graph *graph);

/* Times the products of a graph by native kernels, by CLBlast, and by it with the best of its parameters for each. */
tsr_status tsr_tune_products(tsr_tuner *tuner, const tsr_graph *graph, const int *wanted, int wanted_count,
                             tsr_product_times *times);

/* What the parts of the search share: an order about a graph with two tunings. */
typedef struct tsr_tune_question {
    tsr_tune_task task;
    tsr_gemm gemm;
    double seconds, limit; /* limit: for the reply */
    const tsr_graph *graph;
    const int *wanted;
    int wanted_count;
    const tsr_span *span; /* whose primitives are marked; NULL: all are */
    const tsr_tuning *before, *after;
} tsr_tune_question;
tsr_tune_outcome tsr_tune_order_of(tsr_tuner *tuner, const tsr_tune_question *question, tsr_tune_reply *reply);
/* What an outcome without a reply means for the tuning as a whole. */
tsr_status tsr_tune_status_of(tsr_tuner *tuner, tsr_tune_outcome outcome);
/* Tells it to whoever tunes, with the time that has passed. */
void tsr_tune_report(const tsr_tuner *tuner, tsr_tune_event event);
/* What a check may take: as long as a comparison of whole graphs, and no longer than is left. */
double tsr_tune_check_limit(const tsr_tuner *tuner);
/* Counts and tells that `name` is not used. */
void tsr_tune_refuse(tsr_tuner *tuner, const char *name, const char *reason);
/* Stores what was found, beside what was stored before. */
tsr_status tsr_tune_save(tsr_tuner *tuner);

#endif
