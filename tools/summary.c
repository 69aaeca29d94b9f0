/* tessera summary: Keras's model.summary(). */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

static int run(const command *self, int count, char **arguments)
{
    command_operands operands;
    tsr_model *model = NULL;
    char *text = NULL;
    int code = DONE;
    if (!command_read(self, NULL, 0, 0, 1, count, arguments, &operands, &code)) return code;
    const char *path = operands.count ? operands.at[0] : NULL;
    if (!command_try_model(self, path)) return FAILED;
    tsr_status status = command_open_model(path, &model, NULL);
    if (!status) status = tsr_model_summary(model, &text);
    code = status ? command_fail(self, status) : DONE;
    if (text) fputs(text, stdout);
    free(text);
    tsr_model_free(model);
    return code;
}

const command command_summary = {"summary", "[MODEL]",
                                 "Print a model's layers (without MODEL: the reference network's)", run};
