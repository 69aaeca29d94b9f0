/* Fixtures from data/. */
#ifndef TSR_TESTS_FIXTURE_H
#define TSR_TESTS_FIXTURE_H

#include <jansson.h>

/* Unpacks data/NAME.gz into the test's directory as NAME; its path (test_path). */
const char *test_fixture(const char *name);

/* Copies a file into the test's directory under another name; its path. */
const char *test_copy(const char *from, const char *name);

/* data/NAME, parsed; freed with json_decref. */
json_t *test_json(const char *name);

#endif
