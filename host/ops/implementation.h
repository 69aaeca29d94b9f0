/* How primitives become launches: spans, what an implementation needs, and the step that it prepares.
 *
 * An implementation claims a span of primitives, says whether it supports it on a device, and prepares launches. The
 * list in implementations.c is in order of preference; a portable implementation of every single primitive stands at
 * the end, so a cover always exists. */
#ifndef TSR_OPS_IMPLEMENTATION_H
#define TSR_OPS_IMPLEMENTATION_H

#include "device/device.h"
#include "ops/graph.h"

#define TSR_SPAN_PRIMITIVES 256
#define TSR_SPAN_STORES     512

/* What a plan is made for. */
typedef struct tsr_target {
    tsr_device *device;
    tsr_gemm gemm;
    bool fuse;             /* false: only spans of one primitive */
    uint32_t vector_width; /* floats a vector in CPU-class kernels: the device's native width, or what a test forces */
    const char *only;      /* the implementation that a test asks for (tsr_plan_options.only), or NULL */
    const tsr_tuning *tuning; /* choices that come before the order of the list, or NULL */
} tsr_target;

/* Primitives that one implementation computes together. Values made inside it that it does not store are never
 * written. */
typedef struct tsr_span {
    const tsr_graph *graph;
    int count;
    int primitives[TSR_SPAN_PRIMITIVES]; /* ascending: the order in which the twins run */
    int store_count;
    int stores[TSR_SPAN_STORES]; /* values that the implementation can store; the plan drops from it those nobody reads
                                  */
} tsr_span;

/* Puts a primitive into the span, in order; false when it is full. Being there already is fine. */
bool tsr_span_add(tsr_span *span, int primitive);
bool tsr_span_has(const tsr_span *span, int primitive);
/* Puts it there with all its outputs as values that can be stored. */
bool tsr_span_take(tsr_span *span, int primitive);
/* Adds a value that can be stored. */
bool tsr_span_store(tsr_span *span, int value);
bool tsr_span_stores(const tsr_span *span, int value);
/* Whether the span reads the value from outside: some primitive of it does and none of it makes it. */
bool tsr_span_reads(const tsr_span *span, int value);
/* The span's primitive of this kind; the first when there are several, NULL when there is none. */
const tsr_primitive *tsr_span_primitive(const tsr_span *span, tsr_kind kind);
/* Floating-point operations of all its primitives, as tsr_primitive_flops counts them. */
double tsr_span_flops(const tsr_span *span);

/* Another form of a parameter that an implementation reads, made again whenever the weights have changed and shared by
 * the plans of a model. X(name, elements for a filter bank of kh*kw taps, c channels, f filters) */
#define TSR_FORM_LIST(X)                                                                                               \
    X(TRANSPOSED, transposed) /* [filters][kernel_height][kernel_width][channels] of a convolution's filters */        \
    X(REVERSED, reversed)     /* [kernel_height][kernel_width][filters][channels], the last tap first */               \
    X(WINOGRAD, winograd)     /* [16][vector of filters][channel][lane]: F(2x2,3x3), U = G w G^T */                    \
    X(WINOGRAD_REVERSED, winograd_reversed) /* [16][vector of channels][filter][lane]: that of REVERSED */             \
    X(WINOGRAD_PLANES, winograd_planes)     /* [16][channel][filter]: the same U */                                    \
    X(WINOGRAD_PLANES_REVERSED, winograd_planes_reversed) /* [16][filter][channel]: that of REVERSED */

typedef enum tsr_form {
#define TSR_FORM_ENUM(name, stem) TSR_FORM_##name,
    TSR_FORM_LIST(TSR_FORM_ENUM)
#undef TSR_FORM_ENUM
        TSR_FORM_COUNT
} tsr_form;

#define TSR_MAX_WISHES 16

/* What an implementation asks of the plan for a span. All counts start at zero. */
typedef struct tsr_needs {
    size_t workspace; /* bytes, uninitialised, for this step alone */

    /* Operands that the kernels address by strides: such a value may get a zero halo. A value keeps it only where every
     * step that touches it names it here; the granted halo (perhaps none) is in the view. Operands not named here are
     * dense. halo is what the kernel would like: top, left, bottom, right; zeros for a mere writer. */
    int strided_count;
    struct {
        int value;
        int32_t halo[4];
    } strided[TSR_MAX_WISHES];

    /* Stored values that are stacks of partial sums, and how many. Of gradients of parameters this is granted always,
     * of temporaries where every reader names the value in `stacked`; the view says so. */
    int partial_count;
    struct {
        int value, partials;
    } partial[TSR_MAX_WISHES];

    /* Operands that may be stacks of partial sums, which the kernels then add in order. */
    int stacked_count;
    int stacked[TSR_MAX_WISHES];

    /* Parameters wanted in another form. */
    int prepared_count;
    struct {
        int value;
        tsr_form form;
        const tsr_conv2d_descriptor *conv2d; /* of the primitive in the graph */
    } prepared[TSR_MAX_WISHES];

    /* Operands of the span's primitives that the kernels do not read after all (a list of reads to leave out). */
    int unread_count;
    int unread[TSR_MAX_WISHES];

    char reason[192]; /* why the span is not supported: set when supports() returns false */
} tsr_needs;

void tsr_needs_strided(tsr_needs *needs, int value, int32_t top, int32_t left, int32_t bottom, int32_t right);
void tsr_needs_partials(tsr_needs *needs, int value, int partials);
void tsr_needs_stacked(tsr_needs *needs, int value);
void tsr_needs_prepared(tsr_needs *needs, int value, tsr_form form, const tsr_conv2d_descriptor *conv2d);
/* Records the reason (printf-style) and returns false. */
bool tsr_refuse(tsr_needs *needs, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where a value lies: a buffer whose first byte is the value's first byte, halo included. Strides count elements; the
 * last extent's stride is 1. Only rank-4 values (batch, height, width, channels) have a halo: element (n,y,x,c) is at
 * origin + n*stride[0] + y*stride[1] + x*stride[2] + c. */
typedef struct tsr_view {
    cl_mem buffer;
    int32_t stride[TSR_MAX_RANK];
    int32_t halo[4];        /* top, left, bottom, right; holds zeros for a reader */
    int32_t origin;         /* element of (0,0,0,0) */
    int32_t partials;       /* 1, or how many partial sums lie one after another */
    int32_t partial_stride; /* elements from one to the next */
    size_t bytes;           /* that the buffer holds for it */
    cl_mem whole;           /* the flat buffer or arena that `buffer` is a part of, or `buffer` itself */
    size_t whole_offset;    /* bytes from the start of `whole` */
} tsr_view;

#define TSR_STEP_LAUNCHES 32
#define TSR_STEP_BINDINGS 288
enum { TSR_BINDING_WORKSPACE = -1, TSR_BINDING_PREPARED = -2 };

/* A kernel with its arguments and index space. */
typedef struct tsr_launch {
    cl_kernel kernel;
    char name[96]; /* for people: the implementation's name, and the kernel's where it has several */
    cl_uint dimensions;
    size_t global[3], local[3]; /* local[0] == 0: left to the driver */
    cl_uint next_argument;
} tsr_launch;

typedef struct tsr_implementation tsr_implementation;

/* A span prepared for running. */
typedef struct tsr_step {
    const tsr_implementation *implementation;
    const tsr_target *target;
    const tsr_span *span;
    const tsr_needs *needs;
    /* Views by value, given by the plan. Values that the span neither reads nor stores have no buffer. */
    const tsr_view *views;
    cl_mem workspace;                /* NULL when none was asked for */
    cl_mem prepared[TSR_MAX_WISHES]; /* in the order of needs->prepared */

    int launch_count;
    tsr_launch launches[TSR_STEP_LAUNCHES];

    /* Which argument of which launch holds which value's buffer: lets the plan bind other buffers later. */
    int binding_count;
    struct {
        int launch;
        cl_uint argument;
        int value; /* or TSR_BINDING_WORKSPACE, or TSR_BINDING_PREPARED - i for prepared[i] */
    } bindings[TSR_STEP_BINDINGS];

    void *state; /* of implementations with an enqueue of their own */
    void (*free_state)(void *state);
} tsr_step;

/* The view of a value of the span. */
const tsr_view *tsr_step_view(const tsr_step *step, int value);

/* Builds `kernel` of cl/`file` with the options and begins a launch of it. The arguments are then set in order with the
 * functions below; once *status is a failure they do nothing and keep it, so they need no checks one by one. The launch
 * is NULL after a failure. The caller sets *status to TSR_OK first. */
tsr_launch *tsr_step_launch(tsr_step *step, const char *file, const char *options, const char *kernel,
                            tsr_status *status);
void tsr_launch_value(tsr_step *step, tsr_launch *launch, int value, tsr_status *status);
void tsr_launch_workspace(tsr_step *step, tsr_launch *launch, tsr_status *status);
void tsr_launch_prepared(tsr_step *step, tsr_launch *launch, int wish, tsr_status *status);
/* A buffer that the plan never exchanges, such as one of the step's state. */
void tsr_launch_buffer(tsr_launch *launch, cl_mem buffer, tsr_status *status);
void tsr_launch_int(tsr_launch *launch, int32_t argument, tsr_status *status);
/* The view of a value of rank 4 as four ints: origin, and the strides of image, row and column. */
void tsr_launch_strides(tsr_step *step, tsr_launch *launch, int value, tsr_status *status);
void tsr_launch_uint(tsr_launch *launch, uint32_t argument, tsr_status *status);
void tsr_launch_float(tsr_launch *launch, float argument, tsr_status *status);
/* `bytes` of local memory as an argument. */
void tsr_launch_local(tsr_launch *launch, size_t bytes, tsr_status *status);
/* Sets the index space. A global size that is no multiple of the local one is rounded up (kernels check their bounds);
 * local_x == 0 leaves the work-group to the driver. The work-group shrinks to what the kernel allows when
 * `shrinkable`; otherwise a kernel that does not allow it gives TSR_UNSUPPORTED. */
void tsr_launch_over(tsr_step *step, tsr_launch *launch, cl_uint dimensions, const size_t *global, const size_t *local,
                     bool shrinkable, tsr_status *status);
/* The usual one-dimensional space of a portable kernel: one work-item an element, group size left to the device class.
 */
void tsr_launch_elements(tsr_step *step, tsr_launch *launch, size_t count, tsr_status *status);

struct tsr_implementation {
    const char *name;
    tsr_kind anchor; /* the kind of primitive that it is looked for at */

    /* Fills in the span it would claim at `primitive` (which is of the anchor's kind) and what it can store; false when
     * the primitives around do not fit. claimed[p] says whether a span that stores primitive p's outputs has it; a
     * cheap one may be taken all the same, to be computed again. */
    bool (*match)(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);

    /* Whether it can run the span on the target, and what it needs. Refusals go through tsr_refuse. */
    bool (*supports)(const tsr_target *target, const tsr_span *span, tsr_needs *needs);

    /* Whether it is a good first choice for a span that it supports, where nobody has measured; NULL: always. Where it
     * is not, later ones of the list come first; a tuning, or a plan that names it, takes it all the same. Refusals go
     * through tsr_refuse. */
    bool (*suits)(const tsr_target *target, const tsr_span *span, tsr_needs *needs);

    /* Builds kernels and sets arguments. */
    tsr_status (*prepare)(tsr_step *step);

    /* Enqueues; NULL: the step's launches one after another. */
    tsr_status (*enqueue)(tsr_step *step);

    /* Multiplies the error that ops/twin.h allows, for an algorithm that rounds more than sums do; 0: 1. */
    double slack;
};

/* Matches a chain: `primitive` (the end), then, upwards, the makers of inputs of the kinds that follow, ended by
 * TSR_KIND_COUNT; a kind with TSR_OPTIONAL or'd to it is taken where it is there and no other span has claimed it. The
 * span stores the outputs of the end, and a pool's winner. That values inside the chain have no other reader is the
 * plan's to see to. `claimed` as in match; NULL: nothing is. */
#define TSR_OPTIONAL 0x100
bool tsr_match_chain(const tsr_graph *graph, int primitive, const int *kinds, const bool *claimed, tsr_span *span);
/* The primitive of this kind whose input `input` is the value and that no other span has claimed, or TSR_NONE. */
int tsr_match_reader(const tsr_graph *graph, int value, tsr_kind kind, int input, const bool *claimed);
/* Matches the primitive alone; stores all its outputs. */
bool tsr_match_single(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);

/* Whether kernels for CPUs (local size one, explicit vectors) suit the device, rather than those for GPUs. Rasterizers
 * on the processor are like GPUs: work-items are the lanes of their vectors. */
bool tsr_is_cpu_class(const tsr_target *target);

/* Floats a vector for kernels written with cl/common.cl's `vec`: the target's width, as a power of two up to 16, on
 * CPU-class devices; 1 on others. */
uint32_t tsr_vector_width(const tsr_target *target);
/* The same, halved until it is no more than `count`. */
int32_t tsr_vector_within(const tsr_target *target, int32_t count);
/* The same, halved as long as it is no less than `count`. */
int32_t tsr_vector_around(const tsr_target *target, int32_t count);

/* How many parts of `part` hold `count` (which is not negative), and how much they hold. */
int64_t tsr_divide_up(int64_t count, int64_t part);
int64_t tsr_round_up(int64_t count, int64_t part);
/* Cuts `count`, which is positive, into parts of at most `most`, as equal as can be: the size of the largest. */
int32_t tsr_equal_parts(int32_t count, int32_t most);

/* The list, in order of preference; *count entries. */
const tsr_implementation *const *tsr_implementations(size_t *count);

/* The launches that make a parameter's other form from the weights (value `weights` of step's views, bound as the only
 * input) into `output`; used by the plan. */
size_t tsr_form_bytes(const tsr_target *target, tsr_form form, const tsr_conv2d_descriptor *conv2d);
tsr_status tsr_form_prepare(const tsr_target *target, tsr_form form, const tsr_conv2d_descriptor *conv2d,
                            cl_mem weights, cl_mem output, tsr_launch *launch);
/* In Winograd's forms with vectors these are of tsr_vector_within() filters (or channels). Where these are not a
 * multiple of it, the last vector ends with the last filter and overlaps with the one before. */

#endif
