/* The plan's fields, shared by place.c, run.c and explain.c. */
#ifndef TSR_PLAN_INTERNAL_H
#define TSR_PLAN_INTERNAL_H

#include "plan/cover.h"
#include "device/profile.h"
#include "plan/plan.h"

/* Memory that place.c asks for: one for each value with storage of its own, one for each step's workspace. */
typedef struct tsr_slot {
    int value; /* or TSR_NONE: a workspace */
    int step;  /* whose workspace it is */
    size_t bytes;
    int first, last; /* steps between which it is alive */
    bool alone;      /* shares its memory with nobody at any time */
    int arena;
    size_t offset;
    cl_mem part;
} tsr_slot;

typedef struct tsr_arena {
    cl_mem buffer;
    size_t bytes;
} tsr_arena;

/* Another form of a parameter that the caller binds: made again in every run. */
typedef struct tsr_bound_form {
    int value;
    tsr_form form;
    const tsr_conv2d_descriptor *conv2d;
    cl_mem buffer;
    tsr_launch launch;
} tsr_bound_form;

struct tsr_plan {
    tsr_device *device;
    tsr_graph graph;
    tsr_target target;
    tsr_plan_options options;
    tsr_variables *variables;
    int *wanted;
    int wanted_count;
    tsr_cover cover;
    tsr_view *views; /* by value */
    bool *bound;     /* by value: the caller gives its buffer */
    tsr_step *steps; /* as many as cover.count */
    tsr_slot *slots;
    size_t slot_count, slot_capacity;
    tsr_arena *arenas;
    size_t arena_count, arena_capacity;
    tsr_bound_form *forms;
    size_t form_count, form_capacity;
    tsr_profile_work *work; /* by step; NULL without a profile or names of layers */
    bool updates;           /* it changes the weights */
};

/* Gives every value of the cover a view, with memory for those that are neither the caller's nor variables; with
 * options.bind_arena the memory comes later. */
tsr_status tsr_plan_place(tsr_plan *plan);

/* Makes the parts of the arenas and lets the views point to them. */
tsr_status tsr_plan_attach(tsr_plan *plan);

/* Fills in plan->work for a device that profiles. */
tsr_status tsr_plan_name_work(tsr_plan *plan);

/* The value whose storage `value` uses in the end. */
int tsr_plan_root(const tsr_graph *graph, int value);

/* Bytes of pattern before and after a guarded value. */
enum { TSR_GUARD_BYTES = 4096, TSR_GUARD_PATTERN = 0xA5 };

#endif
