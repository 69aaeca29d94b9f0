/* A training's history as CSV. */
#include "tessera/io.h"

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends ",NUMBER" with a point whatever the program's locale. */
static void add_number(tsr_text *text, double number, int decimals)
{
    char digits[64];
    snprintf(digits, sizeof digits, "%.*f", decimals, number);
    tsr_text_point(digits);
    tsr_text_add(text, ",%s", digits);
}

tsr_status tsr_history_write_csv(const tsr_history *history, const char *path)
{
    tsr_text text = {0};
    tsr_text_add(&text, "epoch,seconds,loss,accuracy,val_loss,val_accuracy\n");
    for (int32_t i = 0; i < history->count; i++) {
        const tsr_epoch *epoch = &history->epochs[i];
        tsr_text_add(&text, "%d", epoch->epoch);
        add_number(&text, epoch->seconds, 3);
        add_number(&text, epoch->training.loss, 8);
        add_number(&text, epoch->training.accuracy, 8);
        if (epoch->validated) {
            add_number(&text, epoch->validation.loss, 8);
            add_number(&text, epoch->validation.accuracy, 8);
        } else {
            tsr_text_add(&text, ",,");
        }
        tsr_text_add(&text, "\n");
    }
    size_t length = text.length;
    char *contents = tsr_text_take(&text);
    if (!contents) return tsr_fail_memory("the history", 128ULL * (unsigned long long)history->count);
    tsr_status status = tsr_file_write(path, contents, length);
    free(contents);
    return status;
}
