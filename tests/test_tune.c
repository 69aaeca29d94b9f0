/* Tuning inside the library: what is compared and checked, on which data, and workers that are none. */
#include "plan/tune.h"

#include "base/file.h"
#include "base/time.h"
#include "device/device.h"
#include "model/model.h"
#include "model/network.h"
#include "ops/twin.h"
#include "plan/check.h"
#include "plan/cover.h"
#include "plan/span_key.h"
#include "support/poison.h"
#include "support/tester.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A dense layer, and an order about it. */
typedef struct dense_work {
    test_case t;
    tsr_tune_work work;
    int wanted[1];
    bool marked[1];
    const char *first; /* the implementation without tuning */
    char *key;
} dense_work;

/* Large enough for CLBlast to be the first choice on a GPU. */
static void build(dense_work *d, tsr_tune_task task)
{
    *d = (dense_work){.t = {.fill = TEST_INTEGERS}, .marked = {true}};
    tsr_dense_descriptor dense = {64, 96, 72, false};
    d->wanted[0] = test_dense(&d->t, &dense, test_input(&d->t, "x", TSR_F32, 2, (int32_t[]){64, 96}));
    d->work = (tsr_tune_work){.order = {.task = task,
                                        .seconds = 0.05,
                                        .primitive_count = (uint32_t)d->t.graph.primitive_count,
                                        .value_count = (uint32_t)d->t.graph.value_count,
                                        .wanted_count = 1},
                              .graph = d->t.graph,
                              .wanted = d->wanted,
                              .marked = d->marked};
    tsr_target target = {.device = test_device(), .fuse = true, .vector_width = test_device()->info.vector_width};
    tsr_cover cover;
    tsr_text key = {0};
    check_ok(tsr_cover_graph(&d->t.graph, d->wanted, 1, &target, NULL, &cover));
    tsr_span_key(&cover.steps[0]->span, d->wanted, 1, &target, &key);
    d->first = cover.steps[0]->implementation->name;
    d->key = tsr_text_take(&key);
    tsr_cover_clear(&cover);
    ck_assert_str_ne(d->first, "dense");
}

static void clear(dense_work *d)
{
    free(d->key);
    tsr_tuning_clear(&d->work.tunings[0]);
    tsr_tuning_clear(&d->work.tunings[1]);
    test_clear_case(&d->t);
}

START_TEST(alternatives_are_what_could_take_the_span)
{
    const char *names[8];
    dense_work d;
    bool has_dense = false;
    build(&d, TSR_TASK_COMPARE);
    tsr_target target = {.device = test_device(), .fuse = true, .vector_width = test_device()->info.vector_width};
    tsr_cover cover;
    check_ok(tsr_cover_graph(&d.t.graph, d.wanted, 1, &target, NULL, &cover));
    int count = tsr_cover_alternatives(&d.t.graph, &target, cover.steps[0], names, 8);
    ck_assert_int_ge(count, 1);
    for (int i = 0; i < count; i++) {
        ck_assert_str_ne(names[i], d.first);
        ck_assert_str_ne(names[i], TSR_TUNING_APART); /* it is one primitive */
        has_dense |= strcmp(names[i], "dense") == 0;
    }
    ck_assert(has_dense);
    ck_assert_int_eq(tsr_cover_alternatives(&d.t.graph, &target, cover.steps[0], names, 0), 0);
    tsr_cover_clear(&cover);
    clear(&d);
}
END_TEST

START_TEST(two_tunings_are_compared)
{
    dense_work d;
    tsr_tune_reply reply = {0};
    build(&d, TSR_TASK_COMPARE);
    check_ok(tsr_tune_compare(test_device(), &d.work, &reply));
    ck_assert(reply.same);
    check_ok(tsr_tuning_put(&d.work.tunings[1], d.key, "dense", 0, 0));
    reply = (tsr_tune_reply){0};
    check_ok(tsr_tune_compare(test_device(), &d.work, &reply));
    ck_assert(!reply.same);
    ck_assert_double_gt(reply.before, 0);
    ck_assert_double_gt(reply.after, 0);
    ck_assert_double_gt(reply.ratio, 0);
    ck_assert_double_ge(reply.upper, reply.ratio);
    ck_assert_double_le(reply.lower, reply.ratio);
    clear(&d);
}
END_TEST

START_TEST(what_differs_is_checked_against_its_twin)
{
    dense_work d;
    tsr_tune_reply reply = {0};
    build(&d, TSR_TASK_CHECK);
    d.work.order.seconds = 60;
    check_ok(tsr_tuning_put(&d.work.tunings[1], d.key, "dense", 0, 0));
    check_ok(tsr_tune_check(test_device(), &d.work, &reply));
    ck_assert_msg(reply.right, "%s", reply.text);
    d.work.order.seconds = 0;
    check_ok(tsr_tune_check(test_device(), &d.work, &reply));
    ck_assert(!reply.right);
    ck_assert_ptr_nonnull(strstr(reply.text, "s, where there are 0"));
    clear(&d);
}
END_TEST

START_TEST(a_wrong_result_is_found)
{
    dense_work d;
    tsr_tune_reply reply = {0};
    tsr_device *device;
    build(&d, TSR_TASK_CHECK);
    d.work.order.seconds = 60;
    check_ok(tsr_tuning_put(&d.work.tunings[1], d.key, "dense", 0, 0));
    const char *variable = poison_kernels("dense.cl", "dense_gemm", POISON_WRONG);
    setenv("TESSERA_KERNEL_PATH", strchr(variable, '=') + 1, 1);
    check_ok(tsr_device_open(NULL, false, &device));
    check_ok(tsr_tune_check(device, &d.work, &reply));
    unsetenv("TESSERA_KERNEL_PATH");
    ck_assert(!reply.right);
    ck_assert_ptr_nonnull(strstr(reply.text, "its result is wrong: element 0 of dense is "));
    tsr_device_close(device);
    clear(&d);
}
END_TEST

/* Checks each implementation that could take a step's span, as the choice for it. */
static void check_candidates(const tsr_network *network, const tsr_cover *cover, const tsr_target *target)
{
    const char *names[16];
    for (size_t s = 0; s < cover->count; s++) {
        int count = tsr_cover_alternatives(&network->graph, target, cover->steps[s], names, 16);
        tsr_text key = {0};
        tsr_span_key(&cover->steps[s]->span, network->wanted, network->wanted_count, target, &key);
        for (int i = 0; i < count; i++) {
            tsr_tune_reply reply = {0};
            tsr_tune_work work = {.order = {.task = TSR_TASK_CHECK,
                                            .seconds = 600,
                                            .primitive_count = (uint32_t)network->graph.primitive_count,
                                            .value_count = (uint32_t)network->graph.value_count,
                                            .wanted_count = (uint32_t)network->wanted_count},
                                  .graph = network->graph,
                                  .wanted = network->wanted};
            check_ok(tsr_tuning_put(&work.tunings[1], key.data, names[i], 0, 0));
            check_ok(tsr_tune_check(test_device(), &work, &reply));
            ck_assert_msg(reply.right, "%s in the place of %s: %s", names[i], cover->steps[s]->implementation->name,
                          reply.text);
            tsr_tuning_clear(&work.tunings[1]);
        }
        tsr_text_clear(&key);
    }
}

START_TEST(every_candidate_can_be_checked)
{
    static const tsr_tuning none = {0};
    tsr_model *model;
    tsr_network network;
    tsr_cover cover;
    const tsr_target target = {
        .device = test_device(), .fuse = true, .vector_width = test_device()->info.vector_width, .tuning = &none};
    check_ok(tsr_model_create_reference(12, 12, 1, 4, &model));
    check_ok(tsr_compile_options_complete(&model->options));
    const tsr_network_options options = {.purpose = TSR_FOR_TRAINING, .batch = 2, .samples = 2, .order = 2};
    check_ok(tsr_network_create(model, &options, &network));
    check_ok(tsr_cover_graph(&network.graph, network.wanted, network.wanted_count, &target, NULL, &cover));
    check_candidates(&network, &cover, &target);
    tsr_cover_clear(&cover);
    tsr_network_clear(&network);
    tsr_model_free(model);
}
END_TEST

START_TEST(products_are_timed)
{
    dense_work d;
    tsr_tune_reply reply = {0};
    build(&d, TSR_TASK_PRODUCTS);
    d.work.order.gemm = TSR_GEMM_NATIVE;
    d.work.order.seconds = 0.01;
    check_ok(tsr_tune_time_products(test_device(), &d.work, &reply));
    ck_assert_int_eq(reply.product_count, 1);
    ck_assert_double_eq(reply.work[0], 64.0 * 96 * 72);
    ck_assert_double_gt(reply.times[0], 0);
    clear(&d);
}
END_TEST

START_TEST(with_parameters_all_that_uses_clblast_is_checked)
{
    dense_work d;
    if (!test_has_clblast()) return;
    tsr_tune_reply reply = {0};
    build(&d, TSR_TASK_CHECK);
    d.work.order.gemm = TSR_GEMM_CLBLAST;
    d.work.order.seconds = 0;
    check_ok(tsr_tune_check(test_device(), &d.work, &reply)); /* nothing differs */
    ck_assert(reply.right);
    check_ok(tsr_tuning_put(&d.work.tunings[1], TSR_TUNING_CLBLAST "Xgemm", "a set", 0, 0));
    check_ok(tsr_tune_check(test_device(), &d.work, &reply));
    ck_assert(!reply.right); /* there is something to check, and no time for it */
    d.work.order.seconds = 60;
    check_ok(tsr_tune_check(test_device(), &d.work, &reply));
    ck_assert_msg(reply.right, "%s", reply.text);
    clear(&d);
}
END_TEST

static void stop(void *context, const tsr_tune_event *event)
{
    (void)event;
    *(volatile int *)context = 1;
}

START_TEST(shapes_are_measured_in_a_worker)
{
    const tsr_dense_descriptor shape = {.rows = 64, .inputs = 96, .units = 72};
    const char *const worker[] = {TEST_PROGRAM, "tune", "--worker", "", NULL};
    volatile int measured = 0; /* stops it once native kernels have been: CLBlast's take minutes */
    const tsr_tune_options options = {
        .worker = worker, .budget = 600, .report = stop, .context = (void *)&measured, .interrupted = &measured};
    tsr_product_times times;
    tsr_status status = tsr_tune_measure_products(test_device(), &shape, 1, &options, &times);
    ck_assert_msg(status == TSR_OK || (measured && status == TSR_INTERRUPTED), "%s", tsr_last_error());
    ck_assert_double_gt(times.native, 0);
    ck_assert(times.clblast == 0 && times.tuned == 0);
    check_fails(tsr_tune_measure_products(test_device(), &shape, 0, &options, &times), TSR_INVALID_ARGUMENT,
                "0 products");
    check_fails(tsr_tune_measure_products(test_device(), &(tsr_dense_descriptor){.rows = 1}, 1, &options, &times),
                TSR_INVALID_ARGUMENT, "must be at least 1");
}
END_TEST

/* It greets, closes its end and stays: a driver that hangs while its process ends. */
START_TEST(a_worker_that_does_not_end_is_ended)
{
    dense_work d;
    char command[400];
    tsr_tune_reply reply = {.magic = TSR_TUNE_MAGIC};
    build(&d, TSR_TASK_WARM);
    check_ok(tsr_file_write(test_path("hello"), &reply, sizeof reply));
    snprintf(command, sizeof command, "cat '%s'; exec <&- >&-; exec sleep 100", test_path("hello"));
    tsr_tune_process process = {.command = (const char *const[]){"/bin/sh", "-c", command, NULL}};
    double began = tsr_seconds();
    ck_assert_int_eq(tsr_tune_ask(&process, &d.work, 90, began + 90, &reply), TSR_OUTCOME_FAILED);
    ck_assert_str_eq(reply.text, "it crashes (signal 9)");
    ck_assert_int_eq(process.child, 0);
    ck_assert_double_lt(tsr_seconds() - began, 60);
    clear(&d);
}
END_TEST

START_TEST(data_are_what_readers_expect)
{
    test_case t = {.fill = TEST_INTEGERS};
    tsr_pool2d_descriptor pool = {TSR_POOL_MAX, 1, 5, 5, 2, 3, 3, 2, 2, TSR_PADDING_SAME};
    tsr_gather_descriptor gather = {4, 6, TSR_U8, 1.0f / 255};
    double data[64];
    int dy = test_input(&t, "dy", TSR_F32, 4, (int32_t[]){1, 3, 3, 2});
    int dx = test_pool2d_grad(&t, &pool, dy, TSR_NONE);
    int winner = t.graph.primitives[t.graph.values[dx].maker].inputs[1];
    int gathered = test_gather(&t, &gather, 8, 2, (int32_t[]){6});
    const tsr_primitive *g = &t.graph.primitives[t.graph.values[gathered].maker];
    tsr_check_fill(&t.graph, winner, data);
    for (size_t e = 0; e < 18; e++) {
        int place = (int)data[e], row = (int)(e / 6) * 2 - 1 + place / 3, column = (int)(e / 2 % 3) * 2 - 1 + place % 3;
        ck_assert(row >= 0 && row < 5 && column >= 0 && column < 5);
    }
    tsr_check_fill(&t.graph, g->inputs[1], data); /* order */
    for (int e = 0; e < 8; e++) ck_assert(data[e] >= 0 && data[e] < 8);
    tsr_check_fill(&t.graph, g->inputs[2], data); /* clock: from the beginning */
    ck_assert(data[0] > 0 && data[1] == 0 && data[2] == 0);
    tsr_check_fill(&t.graph, g->inputs[0], data); /* bytes of images */
    double most = 0;
    for (int e = 0; e < 48; e++) most = data[e] > most ? data[e] : most;
    ck_assert(most > 128 && most <= 255);
    test_clear_case(&t);
}
END_TEST

static tsr_status tune(const char *const *worker, const volatile int *interrupted)
{
    tsr_model *model;
    check_ok(tsr_model_create_reference(8, 8, 1, 4, &model));
    setenv("XDG_CACHE_HOME", test_path("cache"), 1);
    tsr_status status = tsr_model_tune(
        model, test_device(), &(tsr_tune_options){.worker = worker, .budget = 600, .interrupted = interrupted}, NULL);
    tsr_model_free(model);
    return status;
}

START_TEST(a_worker_that_is_none_is_an_error)
{
    const volatile int interrupted = 1;
    tsr_model *model;
    check_fails(tune(NULL, NULL), TSR_INVALID_ARGUMENT, "command line of a worker");
    check_fails(tune((const char *const[]){"/nonexistent/program", NULL}, NULL), TSR_IO, "/nonexistent/program");
    check_fails(tune((const char *const[]){"/bin/true", NULL}, NULL), TSR_IO, "does not answer");
    check_fails(tune((const char *const[]){TEST_PROGRAM, "tune", "--worker", "no such device", NULL}, NULL),
                TSR_NOT_FOUND, "no device matches");
    check_fails(tune((const char *const[]){TEST_PROGRAM, "tune", "--worker", "", NULL}, &interrupted), TSR_INTERRUPTED,
                "interrupted");
    check_ok(tsr_model_create("empty", &model));
    check_fails(tsr_model_tune(model, test_device(),
                               &(tsr_tune_options){.worker = (const char *const[]){"/bin/true", NULL}, .timeout = -1},
                               NULL),
                TSR_INVALID_ARGUMENT, "timeout of -1 s");
    check_fails(tsr_model_tune(model, test_device(),
                               &(tsr_tune_options){.worker = (const char *const[]){"/bin/true", NULL}}, NULL),
                TSR_INVALID_ARGUMENT, "no layers");
    tsr_model_free(model);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, alternatives_are_what_could_take_the_span);
    tcase_add_test(tests, two_tunings_are_compared);
    tcase_add_test(tests, what_differs_is_checked_against_its_twin);
    tcase_add_test(tests, a_wrong_result_is_found);
    tcase_add_test(tests, every_candidate_can_be_checked);
    tcase_add_test(tests, products_are_timed);
    tcase_add_test(tests, with_parameters_all_that_uses_clblast_is_checked);
    tcase_add_test(tests, shapes_are_measured_in_a_worker);
    tcase_add_test(tests, a_worker_that_does_not_end_is_ended);
    tcase_add_test(tests, data_are_what_readers_expect);
    tcase_add_test(tests, a_worker_that_is_none_is_an_error);
}

int main(void)
{
    return test_run("tune", add_tests);
}
