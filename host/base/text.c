#include "base/text.h"

#include "base/memory.h"

#include <ctype.h>
#include <locale.h>
#include <stdarg.h>
#include <stdint.h>
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

bool tsr_text_contains(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) i++;
        if (i == length) return true;
    }
    return length == 0;
}

bool tsr_text_ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

void tsr_text_point(char *text)
{
    const char *point = localeconv()->decimal_point;
    size_t length = strlen(point);
    if (length == 0 || strcmp(point, ".") == 0) return;
    for (char *at = text; (at = strstr(at, point)) != NULL; at++) {
        *at = '.';
        memmove(at + 1, at + length, strlen(at + length) + 1);
    }
}

void tsr_text_clear(tsr_text *text)
{
    free(text->data);
    *text = (tsr_text){0};
}

bool tsr_text_is_plain(const char *text)
{
    /* The least code point of so many bytes, to tell overlong forms. */
    static const uint32_t least[4] = {0x20, 0x80, 0x800, 0x10000};
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        unsigned char first = *at;
        int more = first < 0x7f             ? 0
                   : (first & 0xe0) == 0xc0 ? 1
                   : (first & 0xf0) == 0xe0 ? 2
                   : (first & 0xf8) == 0xf0 ? 3
                                            : -1;
        if (more < 0) return false;
        uint32_t code = more ? first & (0x3fu >> more) : first;
        for (int i = 0; i < more; i++) {
            if ((*++at & 0xc0) != 0x80) return false;
            code = code << 6 | (*at & 0x3fu);
        }
        if (code < least[more] || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return false;
    }
    return true;
}
