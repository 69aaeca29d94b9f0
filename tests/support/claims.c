/* Whether an implementation claims a test's graph. */
#include "support/tester.h"

#include <string.h>

const tsr_implementation *test_implementation(const char *name)
{
    size_t count;
    const tsr_implementation *const *all = tsr_implementations(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i]->name, name) == 0) return all[i];
    ck_abort_msg("no implementation is called %s", name);
    return NULL;
}

static bool match(const test_case *t, const tsr_implementation *implementation, tsr_span *span)
{
    static const bool claimed[TEST_MAX_VALUES];
    return implementation->match(&t->graph, (int)t->graph.primitive_count - 1, claimed, span);
}

bool test_takes(const test_case *t, const char *name, uint32_t vector_width)
{
    const tsr_implementation *implementation = test_implementation(name);
    tsr_target target = {.device = test_device(), .fuse = true, .vector_width = vector_width, .only = name};
    if (!vector_width) target.vector_width = target.device->info.vector_width;
    tsr_span span;
    tsr_needs needs = {0};
    return match(t, implementation, &span) && implementation->supports(&target, &span, &needs);
}

void test_refused(test_case *t, const char *name, const char *reason)
{
    const tsr_implementation *implementation = test_implementation(name);
    tsr_target target = {.device = test_device(), .fuse = true, .vector_width = 8, .only = name};
    tsr_span span;
    tsr_needs needs = {0};
    ck_assert_msg(match(t, implementation, &span), "%s does not match the graph", name);
    ck_assert_msg(!implementation->supports(&target, &span, &needs), "%s takes the graph", name);
    ck_assert_msg(strstr(needs.reason, reason) != NULL, "\"%s\" does not contain \"%s\"", needs.reason, reason);
    test_clear_case(t);
}
