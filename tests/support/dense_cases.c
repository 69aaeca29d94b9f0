#include "support/dense_cases.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

int test_dense_cases(dense_case cases[DENSE_CASES])
{
    static const int32_t rows[] = {1, 2, 32, 55}, inputs[] = {1, 7, 100, 1009}, units[] = {1, 3, 10, 100, 129};
    static const test_fill fills[] = {TEST_INTEGERS, TEST_RANDOM, TEST_NAN, TEST_INFINITE};
    static const uint32_t widths[] = {4, 8, 16};
    const int levels[] = {COUNT(rows), COUNT(inputs), COUNT(units), 2, COUNT(fills), COUNT(widths)};
    int chosen[DENSE_CASES * COUNT(levels)];
    int count = test_cover_pairs(levels, COUNT(levels), chosen, DENSE_CASES - 1);
    for (int i = 0; i < count; i++) {
        const int *k = chosen + i * COUNT(levels);
        cases[i] =
            (dense_case){.dense = {.rows = rows[k[0]], .inputs = inputs[k[1]], .units = units[k[2]], .bias = k[3] == 0},
                         .fill = fills[k[4]],
                         .vector_width = widths[k[5]],
                         .seed = (uint32_t)i};
    }
    /* The reference network's. */
    cases[count++] = (dense_case){.dense = {32, 3136, 100, true}, .fill = TEST_INTEGERS, .vector_width = 16};
    return count;
}

static int matrix(test_case *t, const char *name, int32_t rows, int32_t columns)
{
    return test_input(t, name, TSR_F32, 2, (int32_t[]){rows, columns});
}

void test_dense_forward(const dense_case *c, const test_options *options)
{
    test_case t = {.fill = c->fill, .seed = c->seed};
    test_dense(&t, &c->dense, matrix(&t, "x", c->dense.rows, c->dense.inputs));
    test_run_case(&t, options);
}

void test_dense_backward_data(const dense_case *c, const test_options *options)
{
    test_case t = {.fill = c->fill, .seed = c->seed};
    test_dense_grad_data(&t, &c->dense, matrix(&t, "dy", c->dense.rows, c->dense.units), NULL);
    test_run_case(&t, options);
}

void test_dense_backward_weights(const dense_case *c, const test_options *options)
{
    test_case t = {.fill = c->fill, .seed = c->seed};
    int dy = matrix(&t, "dy", c->dense.rows, c->dense.units);
    test_dense_grad_weights(&t, &c->dense, dy, matrix(&t, "x", c->dense.rows, c->dense.inputs), NULL);
    test_run_case(&t, options);
}

void test_dense_all(const char *const only[3], tsr_gemm gemm, int every)
{
    dense_case cases[DENSE_CASES];
    int count = test_dense_cases(cases);
    for (int i = 0; i < count; i += every) {
        test_options options = {.vector_width = cases[i].vector_width, .gemm = gemm};
        options.only = only[0];
        test_dense_forward(&cases[i], &options);
        options.only = only[1];
        test_dense_backward_data(&cases[i], &options);
        options.only = only[2];
        test_dense_backward_weights(&cases[i], &options);
    }
}

int test_dense_graph(test_case *t, const tsr_dense_descriptor *d, int *wanted)
{
    int x = matrix(t, "x", d->rows, d->inputs), dy = matrix(t, "dy", d->rows, d->units), count = 0, db;
    wanted[count++] = test_dense(t, d, x);
    wanted[count++] = test_dense_grad_data(t, d, dy, NULL);
    wanted[count++] = test_dense_grad_weights(t, d, dy, x, &db);
    if (db != TSR_NONE) wanted[count++] = db;
    return count;
}

void test_dense_chooses(int32_t side, tsr_gemm gemm, const char *suffix)
{
    test_case t = {.fill = TEST_INTEGERS};
    int wanted[4];
    int count = test_dense_graph(&t, &(tsr_dense_descriptor){side, side, side, true}, wanted);
    tsr_plan *plan;
    check_ok(tsr_plan_create(test_device(), &t.graph, wanted, count, &(tsr_plan_options){.gemm = gemm}, NULL, &plan));
    ck_assert_int_eq(tsr_plan_step_count(plan), 3);
    for (int i = 0; i < 3; i++) {
        const char *name = tsr_plan_step(plan, i)->implementation->name;
        const char *kind = tsr_kind_name(tsr_plan_step(plan, i)->implementation->anchor);
        if (!suffix) ck_assert_str_eq(name, kind);
        if (!suffix) continue;
        ck_assert_msg(strlen(name) > strlen(suffix) && strcmp(name + strlen(name) - strlen(suffix), suffix) == 0,
                      "%s does not end in %s", name, suffix);
    }
    tsr_plan_free(plan);
    test_clear_case(&t);
}
