#include "base/text.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tsr_text_add_bytes(tsr_text *text, const char *bytes, size_t length)
{
    if (text->failed) return;
    if (!tsr_grow((void **)&text->data, &text->capacity, text->length + length + 1, 1)) {
        text->failed = true;
        return;
    }
    if (length) memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void tsr_text_add(tsr_text *text, const char *format, ...)
{
    char small[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text->failed = true;
    } else if ((size_t)length < sizeof small) {
        tsr_text_add_bytes(text, small, (size_t)length);
    } else {
        char *large = malloc((size_t)length + 1);
        if (!large) {
            text->failed = true;
            return;
        }
        va_start(arguments, format);
        vsnprintf(large, (size_t)length + 1, format, arguments);
        va_end(arguments);
        tsr_text_add_bytes(text, large, (size_t)length);
        free(large);
    }
}

char *tsr_text_take(tsr_text *text)
{
    if (!text->failed && !text->data) tsr_text_add_bytes(text, "", 0);
    char *taken = text->failed ? NULL : text->data;
    if (text->failed) free(text->data);
    *text = (tsr_text){0};
    return taken;
}

void tsr_text_clear(tsr_text *text)
{
    free(text->data);
    *text = (tsr_text){0};
}
