/* Plans: a graph of primitives made into launches. The way is
 *   differentiate (differentiate.c)  adds the primitives of the gradients and updates
 *   cover (cover.c)                  chooses spans and their implementations
 *   place (place.c)                  gives every value a buffer, an offset, strides, a halo
 *   run (run.c)                      prepares the steps and enqueues them
 * and explain.c describes the result. */
#ifndef TSR_PLAN_PLAN_H
#define TSR_PLAN_PLAN_H

#include "base/text.h"
#include "ops/implementation.h"
#include "plan/variables.h"

typedef struct tsr_plan_options {
    tsr_gemm gemm;
    bool no_fusion;
    uint32_t vector_width; /* 0: the device's native width */
    bool bind_wanted;      /* the caller binds the wanted temporaries too, rather than leaving them in the arena */
    bool bind_arena;       /* the caller gives the memory of temporaries and workspaces: tsr_plan_bind_arena */
    bool guard;            /* for tests: every temporary in memory of its own, with a pattern around it */
    bool halo;             /* for tests: a halo around every value that may have one, whether anybody likes it or not */
    const char *const *layer_names; /* for the profile: the names of the layers that primitives are numbered by */
    const tsr_tuning *tuning; /* of which spans which implementation is best; NULL: what is stored for the device. Not
                               * used without fusion and with `only` */
    const char *only; /* for tests: of implementations of more than one primitive only this one is used; NULL: all */
} tsr_plan_options;

typedef struct tsr_plan tsr_plan;

/* Adds gradients and updates to a graph that ends in a scalar loss: `loss_gradients[i]` is the gradient of value
 * `outputs[i]` (such as the logits), already made by a primitive. For every PARAMETER value that the outputs depend on,
 * gradient_of[slot] is set to the value of its gradient (TSR_NONE elsewhere); it has room for `slots`. */
tsr_status tsr_differentiate_graph(tsr_graph *graph, const int *outputs, const int *output_gradients, int count,
                                   int *gradient_of, int slots);

/* Makes a plan that computes the `wanted` values. The graph is copied. `variables` holds the values of roles PARAMETER
 * and STATE by slot; NULL when there are none, or when the caller binds them. Values of role INPUT are bound by the
 * caller before the first run. */
tsr_status tsr_plan_create(tsr_device *device, const tsr_graph *graph, const int *wanted, int wanted_count,
                           const tsr_plan_options *options, tsr_variables *variables, tsr_plan **plan);
void tsr_plan_free(tsr_plan *plan);

/* Uses `buffer` for an INPUT (or, without variables, PARAMETER, STATE or wanted) value from now on; the caller keeps it
 * alive. Values that replace one another share a binding. */
tsr_status tsr_plan_bind(tsr_plan *plan, int value, cl_mem buffer);

/* With options.bind_arena: bytes of the arena (0: none is needed), and the buffer to use as it from now on, which the
 * caller keeps alive. */
size_t tsr_plan_arena_bytes(const tsr_plan *plan);
tsr_status tsr_plan_bind_arena(tsr_plan *plan, cl_mem buffer);

/* Enqueues one run; returns without waiting. */
tsr_status tsr_plan_run(tsr_plan *plan);
/* Enqueues one of its steps again, on what the last run has left: for measurements. */
tsr_status tsr_plan_run_step(tsr_plan *plan, int step);

/* Copies a wanted or bound value to the host, dense, halo left out, in the value's own type; waits. A stack of partial
 * sums is added up. */
tsr_status tsr_plan_read(tsr_plan *plan, int value, void *data);
/* Fills a bound or temporary value from the host. */
tsr_status tsr_plan_write(tsr_plan *plan, int value, const void *data);

/* Where the value lies; NULL buffer when the plan never stores it. */
const tsr_view *tsr_plan_view(const tsr_plan *plan, int value);

/* With options.guard: whether the patterns around all values are whole; otherwise TSR_INTERNAL naming the value. */
tsr_status tsr_plan_check_guards(tsr_plan *plan);

/* The steps in the order in which they run. For tests and messages. */
int tsr_plan_step_count(const tsr_plan *plan);
const tsr_step *tsr_plan_step(const tsr_plan *plan, int step);

/* Appends the description for `tessera explain`. layer_names[layer] names the layers. */
tsr_status tsr_plan_explain(const tsr_plan *plan, const char *const *layer_names, bool json, tsr_text *text);

#endif
