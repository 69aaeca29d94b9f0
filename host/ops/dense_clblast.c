/* The dense layer and its gradients by CLBlast's SGEMM on the step's own buffers. */
#ifdef TSR_WITH_CLBLAST
#include "device/quirks.h"
#include "ops/dense.h"

#include <clblast_c.h>
#include <string.h>

/* CLBlast reports what a device does not allow by printing and by failing at run time, so it is not called where its
 * kernels might not run: the largest work-group and the local memory that its GEMM and its copying kernels take on the
 * devices it has parameters for, the defaults for others included. */
#define WORK_GROUP   256
#define WORK_ITEMS   32
#define LOCAL_MEMORY (16 * 1024)

/* A product with a side shorter than this is left to the native kernels, which split its depth and keep partial sums
 * and the bias in the same launch, unless CLBlast is asked for. */
#define THIN 64

static CLBlastTranspose transpose_a(const tsr_dense_product *product)
{
    return product->a_by_depth ? CLBlastTransposeNo : CLBlastTransposeYes;
}

static CLBlastTranspose transpose_b(const tsr_dense_product *product)
{
    return product->b_by_depth ? CLBlastTransposeYes : CLBlastTransposeNo;
}

static size_t temporary_bytes(const tsr_target *target, const tsr_dense_product *p)
{
    size_t bytes = 0;
#ifdef TSR_CLBLAST_TEMP_BUFFER
    cl_command_queue queue = target->device->queue;
    if (CLBlastSGemmTempBufferSize(CLBlastLayoutRowMajor, transpose_a(p), transpose_b(p), (size_t)p->rows,
                                   (size_t)p->columns, (size_t)p->depth, 0, (size_t)p->a_stride, 0, (size_t)p->b_stride,
                                   0, (size_t)p->columns, &queue, &bytes) != CLBlastSuccess)
        return 0; /* it then makes one of its own in each call */
#else
    (void)target, (void)p;
#endif
    return bytes;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    const tsr_device_info *info = &target->device->info;
    if (target->gemm == TSR_GEMM_NATIVE) return tsr_refuse(needs, "native kernels were asked for");
    if (info->max_work_group < WORK_GROUP || info->max_work_items[0] < WORK_ITEMS ||
        info->max_work_items[1] < WORK_ITEMS)
        return tsr_refuse(needs, "CLBlast needs work-groups of %d work-items, %d along each side", WORK_GROUP,
                          WORK_ITEMS);
    if (info->local_memory < LOCAL_MEMORY)
        return tsr_refuse(needs, "CLBlast needs %d bytes of local memory", LOCAL_MEMORY);
    if (tsr_has_quirk(info, TSR_QUIRK_NO_CLBLAST)) return tsr_refuse(needs, "CLBlast is not fit for this device");
    tsr_dense_product product = tsr_dense_product_of(span);
    needs->workspace = temporary_bytes(target, &product);
    return true;
}

static bool suits(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    tsr_dense_product p = tsr_dense_product_of(span);
    if (target->gemm == TSR_GEMM_AUTO && (p.rows < THIN || p.columns < THIN || p.depth < THIN))
        return tsr_refuse(needs, "a product of %d x %d x %d is too thin", (int)p.rows, (int)p.depth, (int)p.columns);
    return true;
}

/* The bias goes into c before the product, which is then added to it. */
static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_dense_product product = tsr_dense_product_of(step->span);
    if (product.bias != TSR_NONE) tsr_dense_bias(step, &product, &status);
    if (product.bias_gradient != TSR_NONE && tsr_span_stores(step->span, product.bias_gradient))
        tsr_dense_bias_gradient(step, &product, &status);
    return status;
}

static tsr_status enqueue_product(tsr_step *step, const tsr_dense_product *p)
{
    tsr_device *device = step->target->device;
    tsr_status status = tsr_enqueue_barrier(device);
    if (status) return status;
    cl_command_queue queue = device->queue;
    cl_event event = NULL;
    cl_mem a = tsr_step_view(step, p->a)->buffer, b = tsr_step_view(step, p->b)->buffer;
    cl_mem c = tsr_step_view(step, p->c)->buffer;
    float beta = p->bias != TSR_NONE ? 1.0f : 0.0f;
#ifdef TSR_CLBLAST_TEMP_BUFFER
    CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, transpose_a(p), transpose_b(p), (size_t)p->rows, (size_t)p->columns, (size_t)p->depth,
        1.0f, a, 0, (size_t)p->a_stride, b, 0, (size_t)p->b_stride, beta, c, 0, (size_t)p->columns, &queue,
        device->profile ? &event : NULL, step->workspace);
#else
    CLBlastStatusCode code =
        CLBlastSgemm(CLBlastLayoutRowMajor, transpose_a(p), transpose_b(p), (size_t)p->rows, (size_t)p->columns,
                     (size_t)p->depth, 1.0f, a, 0, (size_t)p->a_stride, b, 0, (size_t)p->b_stride, beta, c, 0,
                     (size_t)p->columns, &queue, device->profile ? &event : NULL);
#endif
    if (code != CLBlastSuccess)
        return tsr_fail(TSR_DEVICE,
                        "CLBlast failed on %s with code %d in a product of %d x %d x %d; try native kernels",
                        device->info.name, (int)code, p->rows, p->depth, p->columns);
    tsr_profile_event(device, step->implementation->name, event);
    return TSR_OK;
}

static tsr_status enqueue(tsr_step *step)
{
    tsr_status status = TSR_OK;
    for (int i = 0; i < step->launch_count && !status; i++) {
        const tsr_launch *launch = &step->launches[i];
        status = tsr_enqueue_kernel(step->target->device, launch->kernel, launch->name, launch->dimensions,
                                    launch->global, launch->local[0] ? launch->local : NULL);
    }
    tsr_dense_product product = tsr_dense_product_of(step->span);
    if (!status && tsr_span_stores(step->span, product.c)) status = enqueue_product(step, &product);
    return status;
}

const tsr_implementation tsr_implementation_dense_clblast = {.name = "dense_clblast",
                                                             .anchor = TSR_KIND_DENSE,
                                                             .match = tsr_match_single,
                                                             .supports = supports,
                                                             .suits = suits,
                                                             .prepare = prepare,
                                                             .enqueue = enqueue};

const tsr_implementation tsr_implementation_dense_grad_data_clblast = {.name = "dense_grad_data_clblast",
                                                                       .anchor = TSR_KIND_DENSE_GRAD_DATA,
                                                                       .match = tsr_match_single,
                                                                       .supports = supports,
                                                                       .suits = suits,
                                                                       .prepare = prepare,
                                                                       .enqueue = enqueue};

const tsr_implementation tsr_implementation_dense_grad_weights_clblast = {.name = "dense_grad_weights_clblast",
                                                                          .anchor = TSR_KIND_DENSE_GRAD_WEIGHTS,
                                                                          .match = tsr_match_single,
                                                                          .supports = supports,
                                                                          .suits = suits,
                                                                          .prepare = prepare,
                                                                          .enqueue = enqueue};
#else
typedef int tsr_dense_clblast_is_left_out; /* a file may not be empty */
#endif
