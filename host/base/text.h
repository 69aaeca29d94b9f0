/* A string that grows. */
#ifndef TSR_BASE_TEXT_H
#define TSR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tsr_text {
    char *data; /* NUL-terminated once anything was added; NULL before */
    size_t length, capacity;
    bool failed; /* memory ran short at some point; what was added since is lost */
} tsr_text;

/* Appends printf-style. A zeroed tsr_text is an empty one. */
void tsr_text_add(tsr_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends `length` bytes as they are. */
void tsr_text_add_bytes(tsr_text *text, const char *bytes, size_t length);

/* Hands the string to the caller, who frees it with free(); NULL when memory ran short. The text is empty again. */
char *tsr_text_take(tsr_text *text);

/* Whether it is valid UTF-8 without control characters: what files and terminals take as a name. */
bool tsr_text_is_plain(const char *text);

/* Whether `text` contains `part`, letters in any case. */
bool tsr_text_contains(const char *text, const char *part);

/* Whether `text` ends with `end`. */
bool tsr_text_ends_with(const char *text, const char *end);

/* Puts a point where numbers that printf has written have what the program's locale has in its place. The text must
 * hold nothing else that looks like that. */
void tsr_text_point(char *text);

/* Frees the string. The text is empty again. */
void tsr_text_clear(tsr_text *text);

#endif
