#include "support/tester.h"

#include <stdlib.h>

#define MAX_PARAMETERS 16
#define MAX_LEVELS     32

typedef bool pair_table[MAX_PARAMETERS][MAX_LEVELS][MAX_PARAMETERS][MAX_LEVELS];

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Pairs of the case, up to parameter `end` of `order`, that no case before it has. */
static int gain(pair_table covered, const int *row, const int *order, int end)
{
    int count = 0;
    for (int a = 0; a < end; a++)
        for (int b = 0; b < a; b++) count += !covered[order[a]][row[order[a]]][order[b]][row[order[b]]];
    return count;
}

/* Rows that the first parameters of a case may be taken from; no rows: they are as free as the others. */
typedef struct prefixes {
    const int *rows;
    int count, parameters;
} prefixes;

/* A case, one parameter after another in random order, each with the value that covers most. */
static int propose(pair_table covered, const int *levels, int parameters, prefixes fixed, int *row, uint32_t *state)
{
    int order[MAX_PARAMETERS];
    for (int p = 0; p < fixed.parameters; p++) order[p] = p;
    for (int p = fixed.parameters; p < parameters; p++) {
        int other = fixed.parameters + (int)(next_random(state) % (uint32_t)(p + 1 - fixed.parameters));
        order[p] = order[other];
        order[other] = p;
    }
    if (fixed.count) {
        int which = (int)(next_random(state) % (uint32_t)fixed.count);
        memcpy(row, fixed.rows + (size_t)which * (size_t)fixed.parameters, (size_t)fixed.parameters * sizeof *row);
    }
    for (int at = fixed.parameters; at < parameters; at++) {
        int best = -1, value = 0, start = (int)(next_random(state) % (uint32_t)levels[order[at]]);
        for (int k = 0; k < levels[order[at]]; k++) {
            row[order[at]] = (start + k) % levels[order[at]];
            int found = gain(covered, row, order, at + 1);
            if (found > best) best = found, value = row[order[at]];
        }
        row[order[at]] = value;
    }
    return gain(covered, row, order, parameters);
}

static int cover(const int *levels, int parameters, prefixes fixed, int *cases, int capacity)
{
    ck_assert_int_le(parameters, MAX_PARAMETERS);
    static pair_table covered;
    memset(covered, 0, sizeof covered);
    int missing = 0;
    for (int a = 0; a < parameters; a++) {
        ck_assert_int_le(levels[a], MAX_LEVELS);
        for (int b = 0; b < a; b++) missing += levels[a] * levels[b];
    }
    uint32_t state = 1;
    int count = 0;
    while (missing > 0) {
        ck_assert_int_lt(count, capacity);
        int best = 0, *row = cases + (size_t)count * (size_t)parameters;
        for (int candidate = 0; candidate < 50 || best == 0; candidate++) {
            ck_assert_int_lt(candidate, 100000); /* the prefixes do not hold all pairs */
            int proposal[MAX_PARAMETERS];
            int found = propose(covered, levels, parameters, fixed, proposal, &state);
            if (found <= best) continue;
            best = found;
            memcpy(row, proposal, (size_t)parameters * sizeof *row);
        }
        for (int a = 0; a < parameters; a++)
            for (int b = 0; b < parameters; b++) covered[a][row[a]][b][row[b]] = true;
        missing -= best;
        count++;
    }
    return count;
}

int test_cover_pairs(const int *levels, int parameters, int *cases, int capacity)
{
    return cover(levels, parameters, (prefixes){0}, cases, capacity);
}

int test_extend_pairs(const int *levels, int parameters, const int *sets, int set_count, int set_parameters, int *cases,
                      int capacity)
{
    return cover(levels, parameters, (prefixes){sets, set_count, set_parameters}, cases, capacity);
}
